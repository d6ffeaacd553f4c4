"""Commands that are killed, or find the disk full, leave the old file or the new one, whole."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from tests.support import videos
from tests.support.faults import ROOT, Fault, Outcome, outcomes
from tfl_depth.errors import OutputError
from tfl_depth.files import whole_file, write_together, write_whole
from tfl_depth.format.signing import new_key_pair
from tfl_depth.tools.lib import outputs

# Of each kind of fault, seeded.
MOMENTS = 6


@pytest.fixture(scope="module")
def before(
    net: Path, photo: npt.NDArray[np.uint8], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A folder with inputs, and with files of an earlier time where the outputs will be."""
    folder = tmp_path_factory.mktemp("before")
    (folder / "model.tflite").write_bytes(net.read_bytes())
    (folder / "key.pem").write_bytes(new_key_pair()[0])
    cv2.imwrite(str(folder / "photo.png"), photo)
    videos.write(folder / "clip.avi", "MJPG", videos.moved(photo, 4), 5)
    for name in OUTPUTS:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"of an earlier time")
    return folder


OUTPUTS = ("out/photo_depth.png", "out/photo_points.ply", "out/clip_depth.mp4", "signed.tflite")
INFER = ("FOLDER/model.tflite", "--output", "FOLDER/out", "--overwrite")
COMMANDS = {
    "sign": ("sign", ("FOLDER/model.tflite", "--key", "FOLDER/key.pem"), ("model.tflite",)),
    "sign to another file": (
        "sign",
        ("FOLDER/model.tflite", "--key", "FOLDER/key.pem", "--output", "FOLDER/signed.tflite"),
        ("signed.tflite",),
    ),
    "infer photo": (
        "infer",
        (*INFER, "FOLDER/photo.png", "--save", "depth,ply", "--fov", "60"),
        ("out/photo_depth.png", "out/photo_points.ply"),
    ),
    "infer video": ("infer", (*INFER, "FOLDER/clip.avi"), ("out/clip_depth.mp4",)),
}


@pytest.fixture(scope="module", params=COMMANDS)
def command(request: pytest.FixtureRequest) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    """A command's module and arguments, and the files that it writes."""
    module, arguments, written = COMMANDS[request.param]
    return f"tfl_depth.tools.{module}:main", arguments, written


def test_command_that_is_killed_or_out_of_space_leaves_whole_files(
    command: tuple[str, tuple[str, ...], tuple[str, ...]], before: Path, tmp_path: Path
) -> None:
    function, arguments, written = command
    (good,) = outcomes(function, arguments, before, tmp_path / "good", [Fault()])
    assert good.status == 0, good.error
    old, new = Outcome(before, 0, 0, "").files, good.files
    assert {name for name in new if new[name] != old.get(name)} == set(written)
    random = np.random.default_rng(12)
    sizes = [len(new[name]) for name in written]
    steps = sorted(random.permutation(good.steps)[:MOMENTS] + 1)
    at_bytes = [0, *random.integers(1, min(sizes), MOMENTS // 2).tolist()]
    faults = [
        *(Fault(kill_at_step=int(step)) for step in steps),
        *(Fault(kill_at_byte=size) for size in at_bytes),
        *(Fault(full_at_byte=size) for size in at_bytes),
    ]
    for fault, outcome in zip(
        faults, outcomes(function, arguments, before, tmp_path / "bad", faults), strict=True
    ):
        for name in old:
            allowed = (old[name], new[name]) if name in written else (old[name],)
            assert outcome.files[name] in allowed, (fault, name)
        assert set(outcome.files) == set(new), fault
        if fault.full_at_byte is None:
            assert outcome.status < 0, fault
        else:
            assert outcome.status == 1, (fault, outcome.error)
            assert "error: Cannot write" in outcome.error.splitlines()[-1]
            assert any(f"{outcome.folder / name}: " in outcome.error for name in written)
            # Nothing is left lying about.
            assert outcome.all_files == old, fault


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_what_cannot_be_printed_is_an_error(before: Path, tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [
                sys.executable,
                "-c",
                "import sys; from tfl_depth.tools.sign import main; sys.exit(main(sys.argv[1:]))",
                str(before / "model.tflite"),
                *("--key", str(before / "key.pem"), "--output", str(tmp_path / "signed")),
            ],
            cwd=ROOT,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert (done.returncode, done.stderr) == (1, "error: [Errno 28] No space left on device\n")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("only root may mount a small file system, and not everywhere")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_full_disk_leaves_the_old_files(small_disk: Path) -> None:
    one, other = small_disk / "one", small_disk / "other"
    one.write_bytes(b"old")
    with pytest.raises(OutputError, match=f"Cannot write {other}: No space left on device"):
        write_together({one: b"new", other: bytes(100_000)})
    assert {path.name: path.read_bytes() for path in small_disk.iterdir()} == {"one": b"old"}
    write_whole(one, b"new")
    assert one.read_bytes() == b"new"


def test_video_that_fills_the_disk_is_an_error(
    small_disk: Path, photo: npt.NDArray[np.uint8]
) -> None:
    """OpenCV itself says nothing."""
    random = np.random.default_rng(0)
    with (
        pytest.raises(OutputError, match=r"Cannot write .*clip\.mp4: the disk is full"),
        outputs.video_writer(small_disk / "clip.mp4", 5) as write,
    ):
        for _ in range(20):
            write(random.integers(0, 256, (240, 320, 3), np.uint8))
    assert not list(small_disk.iterdir())


def test_video_without_frames_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError), outputs.video_writer(tmp_path / "clip.mp4", 5):
        pass
    assert not list(tmp_path.iterdir())


def test_file_of_others_is_whole_or_not_there(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    with whole_file(path) as partial:
        partial.write_text("new")
        assert partial.suffix == ".txt" and not path.exists()
    for error in (OSError(28, "full"), KeyboardInterrupt()):
        expected = OutputError if isinstance(error, OSError) else KeyboardInterrupt
        with pytest.raises(expected), whole_file(path) as partial:
            partial.write_text("half")
            raise error
    assert {each.name: each.read_text() for each in tmp_path.iterdir()} == {"file.txt": "new"}
