"""What memory a photo of 48 megapixels takes, and what the import."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
# How much more than with a small photo; pixels and depth are 229 MiB, and OpenCV 5 has the pixels
# twice while it decodes them.
MOST_MIB = 300
CHILD = r"""
import sys
import numpy as np
from tests.support.peak_memory import peak_mib
from tfl_depth.runtime import DepthRunner
from tfl_depth.tools import infer
model, photo, folder, kind = sys.argv[1:]
with DepthRunner(model) as runner:
    runner.infer(np.zeros((64, 96, 3), np.uint8))
    before = peak_mib()
    if kind == "infer":
        assert runner.infer(photo).shape == (6000, 8000)
    else:
        assert infer.main([model, photo, "--output", folder]) == 0
    print(peak_mib() - before, file=sys.stderr)
"""


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("large") / "photo.jpg"
    coarse = np.random.default_rng(0).integers(0, 256, (60, 80, 3), np.uint8)
    assert cv2.imwrite(str(path), cv2.resize(coarse, (8000, 6000)))
    return path


@pytest.mark.parametrize("kind", ["infer", "tool"])
def test_a_large_photo_takes_little_memory(
    kind: str, net: Path, large: Path, tmp_path: Path
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(net), str(large), str(tmp_path), kind],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert float(done.stderr.split()[-1]) < MOST_MIB


IMPORT = """
import sys, tracemalloc
import cv2, numpy
before = set(sys.modules)
tracemalloc.start()
import tfl_depth.runtime
own = [each for each in tracemalloc.take_snapshot().traces if "runtime" in str(each.traceback)]
print(max(each.size for each in own))
print(*(set(sys.modules) - before))
"""
# What processes, proofs and statistics bring: none of them runs at the import.
RARELY_NEEDED = {"multiprocessing", "socket", "statistics", "subprocess", "tempfile", "zipfile"}


def test_the_import_takes_neither_tables_nor_modules_that_few_programs_need() -> None:
    done = subprocess.run(
        [sys.executable, "-c", IMPORT], cwd=ROOT, capture_output=True, text=True, check=True
    )
    largest, modules = done.stdout.splitlines()
    assert int(largest) < 100 * 1024
    assert not RARELY_NEEDED & set(modules.split())
