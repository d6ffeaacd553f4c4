"""What the largest stranger costs to convert: python -m tests.networks.bound PHOTOS.

A U-Net on ResNet-50 with 3x3 convolutions over 2,048 channels, at 192x256, with random weights.
`tfl-depth convert` takes it with the default recipe and 100 of the photos, in a process of its own,
whose time and greatest memory are printed.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from tests.networks.measure import read_photos
from tests.networks.sources import keras_network
from tests.networks.strangers import stranger_named
from tests.support.peak_memory import peak_mib
from tfl_depth.converters.importers import import_network
from tfl_depth.converters.representative import find_images

NAME, SIZE = "resnet50", (192, 256)
# The command as installed beside this Python.
CONVERT = (str(Path(sys.executable).with_name("tfl-depth")), "convert")


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photos", type=Path)
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        network = Path(folder) / "network.tflite"
        network.write_bytes(float_network(options.photos))
        begin_s = time.monotonic()
        memory_gib = run(call(network, options.photos))
        wall_s = time.monotonic() - begin_s
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(f"wall time          {wall_s:.0f} s")
    print(f"processor time     {used.ru_utime + used.ru_stime:.0f} s")
    print(f"greatest memory    {memory_gib:.2f} GiB")


def run(command: Sequence[str]) -> float:
    """Run a command, and return its greatest memory in GiB."""
    greatest_mib = 0.0
    process = subprocess.Popen(command)
    while process.poll() is None:
        with suppress(ProcessLookupError):
            greatest_mib = peak_mib(process.pid)
        time.sleep(0.5)
    if process.returncode:
        raise SystemExit(process.returncode)
    return greatest_mib / 1024


def float_network(photos: Path) -> bytes:
    """The network as a float .tflite."""
    stranger = replace(stranger_named(NAME), size=SIZE)
    return import_network(
        keras_network(stranger, read_photos(find_images(str(photos))[:8], SIZE), 1.0)
    ).model


def call(network: Path, photos: Path) -> list[str]:
    """The command that its user would type."""
    stranger = stranger_named(NAME)
    assert stranger.mean is not None and stranger.std is not None
    mean, std = (",".join(map(str, each)) for each in (stranger.mean, stranger.std))
    known = ["--max-depth", str(stranger.max_depth_m), "--unit", "m", "--mean", mean, "--std", std]
    output = str(network.with_name("int8.tflite"))
    files = [str(network), "--int8", "--representative", str(photos), "--output", output]
    return [*CONVERT, *files, *known]


if __name__ == "__main__":
    main()
