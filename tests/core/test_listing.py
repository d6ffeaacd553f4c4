"""Which files folders and lists stand for, whatever they are called."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from time import process_time

import cv2
import numpy as np
import pytest

from tfl_depth.converters.representative import find_images
from tfl_depth.data.depth_files import read_png
from tfl_depth.data.pairs import read_names
from tfl_depth.listing import files_below, files_in
from tfl_depth.tools.lib.output_names import expand

ROOT = Path(__file__).resolve().parents[2]
INFER = "import sys; from tfl_depth.tools.infer import main; sys.exit(main(sys.argv[1:]))"
# Bytes that are no UTF-8, as Python reads them.
NOT_UTF8 = "caf\udce9"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Photos by links: of files, of a folder, and one that leads round; and hidden ones."""
    store, folder = tmp_path / "store", tmp_path / "photos"
    (store / "more").mkdir(parents=True)
    folder.mkdir()
    for name in ("1", "2", "more/3"):
        (store / f"{name}.jpg").write_bytes(name.encode())
    (folder / "a.jpg").symlink_to(store / "1.jpg")
    (folder / "b.JPG").symlink_to(store / "2.jpg")
    (folder / "broken.jpg").symlink_to(store / "absent.jpg")
    (folder / "linked").symlink_to(store / "more")
    (store / "more" / "round").symlink_to(folder)
    (folder / "._a.jpg").write_bytes(b"of another system")
    (folder / ".cache").mkdir()
    (folder / ".cache" / "4.jpg").touch()
    return folder


def test_one_rule_for_links_and_hidden_files(folder: Path) -> None:
    assert [path.name for path in files_in(folder, {".jpg"})] == ["a.jpg", "b.JPG"]
    assert expand([str(folder)]) == [folder / "a.jpg", folder / "b.JPG"]
    below = [path.relative_to(folder) for path in files_below(folder, {".jpg"})]
    assert below == [Path("a.jpg"), Path("b.JPG"), Path("linked/3.jpg")]
    assert [path.name for path in find_images(str(folder))] == ["1.jpg", "2.jpg", "3.jpg"]


def test_lists_take_names_as_they_are(tmp_path: Path) -> None:
    names = ["first one", "#2", "no 3 # of 4", NOT_UTF8]
    for name in names:
        (tmp_path / f"{name}.png").touch()
    lines = "\r\n".join(f"{name}.png" for name in ["", *names][1:])
    content = b"\xef\xbb\xbf" + lines.encode("utf-8", "surrogateescape") + b"\n\n"
    (tmp_path / "list.txt").write_bytes(content)
    assert set(find_images(str(tmp_path / "list.txt"))) == {
        tmp_path / f"{name}.png" for name in names
    }
    assert read_names(tmp_path / "list.txt") == [f"{name}.png" for name in names]


def test_depth_of_any_name_is_read(tmp_path: Path) -> None:
    """By its name OpenCV ended the process."""
    path = tmp_path / f"{NOT_UTF8}.png"
    path.write_bytes(cv2.imencode(".png", np.full((4, 5), 1500, np.uint16))[1].tobytes())
    found = read_png(path, per_meter=1000).depth_m
    np.testing.assert_array_equal(found, np.full((4, 5), 1.5, np.float32))


def test_photos_of_any_name_are_computed_and_told(tmp_path: Path, net: Path) -> None:
    photos = tmp_path / f"{NOT_UTF8} %d"
    photos.mkdir()
    names = [NOT_UTF8, "two words", "#3", "n" * 235]
    content = cv2.imencode(".png", np.full((20, 30, 3), 99, np.uint8))[1].tobytes()
    for name in names:
        (photos / f"{name}.png").write_bytes(content)
    done = subprocess.run(
        [sys.executable, "-c", INFER, net, photos, "--output", tmp_path / f"depth {NOT_UTF8}"],
        cwd=ROOT, capture_output=True, env={**os.environ, "PYTHONUTF8": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for name in names:
        assert os.fsencode(f"{photos / name}.png: 30x20") in done.stdout
        assert (tmp_path / f"depth {NOT_UTF8}" / f"{name}_color.png").is_file()


def test_a_large_folder_takes_as_much_longer_as_it_is_larger(tmp_path: Path) -> None:
    """40,000 took a minute: each name was counted among all of them, which is quadratic."""
    times_s = []
    for count in (4_000, 40_000):
        folder = tmp_path / str(count)
        folder.mkdir()
        for number in range(count):
            (folder / f"{number}.jpg").touch()
        begin_s = process_time()
        assert len(expand([str(folder)])) == count
        times_s.append(process_time() - begin_s)
    # A hundred times, where it is quadratic.
    assert times_s[1] < 60 * times_s[0]
