"""`DepthRunner.show` and `infer --show`: what a window shows, and what is said without one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from tests.support import videos
from tfl_depth.runtime import DepthError, DepthRunner, window
from tfl_depth.tools import infer

Pixels = npt.NDArray[np.uint8]
# Build information of OpenCV.
WITH_QT, WITHOUT = "  GUI:   QT5\n", "  GUI:                           NONE\n"


class Screen:
    """Stands for the windows of OpenCV; a key is pressed after so many pictures."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, key: int = -1, after: int = 0) -> None:
        self.pictures: list[Pixels] = []
        self.open: set[str] = set()
        self.waits: list[int] = []
        self._key, self._after = key, after
        monkeypatch.setenv("DISPLAY", ":7")
        monkeypatch.setattr(cv2, "getBuildInformation", lambda: WITH_QT)
        monkeypatch.setattr(cv2, "namedWindow", lambda title, _flags: self.open.add(title))
        monkeypatch.setattr(cv2, "destroyWindow", self.open.remove)
        monkeypatch.setattr(cv2, "imshow", lambda _title, picture: self.pictures.append(picture))
        monkeypatch.setattr(cv2, "waitKey", self._pressed)
        monkeypatch.setattr(cv2, "getWindowProperty", lambda title, _which: title in self.open)

    def _pressed(self, wait_ms: int) -> int:
        self.waits.append(wait_ms)
        return self._key if len(self.pictures) == self._after else -1


def test_video_is_shown_beside_its_depth(
    net: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "clip.avi"
    videos.write(path, "MJPG", videos.pictures(5))
    screen = Screen(monkeypatch)
    assert infer.main([str(net), str(path), "--show", "--every", "2", "--colormap", "gray"]) == 0
    assert len(screen.pictures) == 3 and screen.waits == [1, 1, 1] and not screen.open
    height, width = videos.SIZE
    for picture in screen.pictures:
        assert picture.shape[0] > height and picture.shape[1] == 2 * width
    depth = screen.pictures[0][height // 2, width:]
    assert (depth[:, 0] == depth[:, 1]).all()  # gray


@pytest.mark.parametrize("key", [ord("q"), 27])
def test_key_closes_the_window(
    key: int, net: Path, photo: Pixels, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen = Screen(monkeypatch, key, after=2)
    with DepthRunner(net) as runner:
        assert runner.show([photo] * 9, range="auto") is False
    assert len(screen.pictures) == 2 and not screen.open
    # A photo stays until a key is pressed.
    assert screen.waits == [0, 0]


@pytest.mark.parametrize(
    ("built", "display", "said"),
    [(WITHOUT, ":7", "opencv-python in place of"), (WITH_QT, "", "no display for a window")],
)
def test_without_windows_one_sentence_says_what_to_do(
    built: str, display: str, said: str, net: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setattr(cv2, "getBuildInformation", lambda: built)
    monkeypatch.setenv("DISPLAY", display)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    with pytest.raises(DepthError, match=said):
        window.Window("depth")
    assert infer.main([str(net), "0", "--show"]) == 1
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("other", [["--to", "-"], ["--output", "depth"], ["--serve", "0"]])
def test_window_writes_no_files(other: list[str], net: Path) -> None:
    given: list[Any] = [str(net), "0", "--show", *other]
    with pytest.raises(SystemExit) as stop:
        infer.main(given)
    assert stop.value.code == 2


def test_gray_pictures_are_shown_beside_their_depth(
    net: Path, photo: Pixels, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen = Screen(monkeypatch)
    with DepthRunner(net) as runner:
        assert runner.show([photo[..., 1]], range="auto")
    (picture,) = screen.pictures
    height, width = photo.shape[:2]
    np.testing.assert_array_equal(picture[:height, :width], photo[..., [1, 1, 1]])
