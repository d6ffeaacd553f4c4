"""tools/convert when something is wrong: one sentence, and no file that was not there before."""

from __future__ import annotations

import errno
import json
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import keras
import numpy as np
import numpy.typing as npt
import pytest
from keras import layers

from tests.support.small_net import run_convert, small_net, write_examples
from tfl_depth.converters import Conversion, ImageSplit
from tfl_depth.converters.pipeline import convert_network
from tfl_depth.errors import ConversionError, OutputError
from tfl_depth.format.contract import read_contract
from tfl_depth.tools.convert import main

Array = npt.NDArray[Any]
ROOT = Path(__file__).resolve().parents[2]
TEN_METERS = ("--max-depth", "10")


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_examples(tmp_path_factory.mktemp("work"))


@dataclass(frozen=True)
class Case:
    """A call that must fail: the words of its error, and how to bring it about."""

    words: str
    arguments: tuple[str, ...] = TEN_METERS
    images: Callable[[Path, Path], Path | str] | None = None
    model: Callable[[Path, Path], Path] | None = None
    output: str = "model.tflite"
    before: Callable[[Path], None] | None = None
    left: tuple[str, ...] = ()


def empty_folder(work: Path, temporary: Path) -> Path:
    (temporary / "images").mkdir()
    return temporary / "images"


def folder_of(*images: Any) -> Callable[[Path, Path], Path]:
    """A folder with these images: arrays, or bytes that are none."""

    def make(work: Path, temporary: Path) -> Path:
        folder = empty_folder(work, temporary)
        for number, image in enumerate(images):
            path = folder / f"{number}.png"
            if isinstance(image, bytes):
                path.write_bytes(image)
            else:
                cv2.imwrite(str(path), image)
        return folder

    return make


def noise(high: int, dtype: type = np.uint8) -> Array:
    return np.random.default_rng(0).integers(0, high, (64, 96, 3)).astype(dtype)


def list_of(*lines: str) -> Callable[[Path, Path], Path]:
    def make(work: Path, temporary: Path) -> Path:
        path = temporary / "list.txt"
        path.write_text("".join(f"{line}\n" for line in lines).replace("WORK", str(work)))
        return path

    return make


def saved(make: Callable[[], keras.Model]) -> Callable[[Path, Path], Path]:
    def save(work: Path, temporary: Path) -> Path:
        make().save(temporary / "other.keras")
        return temporary / "other.keras"

    return save


def file_of(content: bytes, name: str = "other.keras") -> Callable[[Path, Path], Path]:
    def write(work: Path, temporary: Path) -> Path:
        (temporary / name).write_bytes(content)
        return temporary / name

    return write


def cut_short(work: Path, temporary: Path) -> Path:
    content = (work / "small.keras").read_bytes()
    return file_of(content[: len(content) // 2])(work, temporary)


def other_zip(work: Path, temporary: Path) -> Path:
    with zipfile.ZipFile(temporary / "other.keras", "w") as archive:
        archive.writestr("photo.jpg", b"")
    return temporary / "other.keras"


def any_size() -> keras.Model:
    pixels = keras.Input((None, None, 3))
    return keras.Model(pixels, layers.Conv2D(1, 1)(layers.Rescaling(1 / 255)(pixels)))


def two_outputs() -> keras.Model:
    model = small_net()
    other = keras.layers.Conv2D(1, 1, name="other")(model.get_layer("fine").output)
    return keras.Model(model.inputs, [model.outputs[0], other])


def logits() -> keras.Model:
    return _shifted(1.0, -20.0)


def constant_depth() -> keras.Model:
    return _shifted(0.0, 3.0)


def _shifted(gain: float, bias: float) -> keras.Model:
    """The small network with weights of a seed, and its depth times a gain plus a bias."""
    model = small_net()
    rng = np.random.default_rng(3)
    model.set_weights([rng.normal(0, 0.3, weights.shape) for weights in model.get_weights()])
    kernel, _ = model.get_layer("depth").get_weights()
    model.get_layer("depth").set_weights([gain * kernel, np.array([bias])])
    return model


def disparity() -> keras.Model:
    model = _shifted(1.0, 0.0)
    return keras.Model(model.inputs, keras.ops.sigmoid(model.outputs[0]))


def old_files(folder: Path) -> None:
    (folder / "model.tflite").write_text("old model")
    (folder / "model.json").write_text("old report")


def old_report(folder: Path) -> None:
    (folder / "model.json").write_text("old report")


def bare(work: Path, temporary: Path) -> Path:
    return work / "bare.keras"


def nowhere(work: Path, temporary: Path) -> Path:
    return temporary / "nowhere"


CASES = {
    "no image in the folder": Case("found no image at", images=empty_folder),
    "no such folder": Case("found no image at", images=nowhere),
    "glob without a match": Case("found no image at", images=lambda w, _: f"{w}/photos/*.bmp"),
    "one image only": Case("at least 2 images.* got 1", images=folder_of(noise(256))),
    "one image listed twice": Case(
        "at least 2 images.* got 1",
        images=list_of("WORK/photos/coffee1.png", "WORK/photos/../photos/coffee1.png"),
    ),
    "an image itself": Case(
        "got the one image", images=lambda work, _: work / "photos" / "coffee1.png"
    ),
    "unreadable image": Case(
        r"calibrate or verify: Cannot read .*\d\.png",
        images=folder_of(noise(256), noise(256), b"none", b"none", noise(256)),
    ),
    "depth maps": Case(
        r"\.png .*uint8.*got uint16.*depth map", images=folder_of(*[noise(9000, np.uint16)] * 3)
    ),
    "pixels of 0 and 1": Case(
        "The brightest pixel of all 2 images is 1",
        images=folder_of(*[noise(2)] * 3),
    ),
    "black pixels": Case("brightest pixel of all 2 images is 0", images=folder_of(*[noise(1)] * 3)),
    "list that names a missing file": Case(
        "list.txt names .*missing.png, which does not exist",
        images=list_of("WORK/photos/coffee1.png", "missing.png"),
    ),
    "empty list": Case("found no image at", images=list_of("")),
    "list that is no text": Case(
        "Cannot read .* as a list of images", images=file_of(b"\xff\xfe\x00", "list.txt")
    ),
    "no sample": Case("at least 1 image for calibration", (*TEN_METERS, "--samples", "0")),
    "missing model": Case("There is no network", model=nowhere),
    "model that is a text": Case("is not a .keras file", model=file_of(b"none")),
    "model that is cut short": Case("damaged zip archive, or was cut short", model=cut_short),
    "model that is another archive": Case("a zip archive, but neither", model=other_zip),
    "model of another format": Case(
        "of no known format. Expected one of .keras", model=file_of(b"none", "other.pt")
    ),
    "logits": Case("negative at .* of the pixels, as logits", model=saved(logits)),
    "disparity": Case(
        "cannot output more than 1 m, as if it output disparity", model=saved(disparity)
    ),
    "constant depth": Case("outputs 3 m at every pixel", model=saved(constant_depth)),
    "two outputs": Case("Expected one output, or one map of depth", model=saved(two_outputs)),
    "size that the network cannot take": Case(
        "cannot take 65x96", (*TEN_METERS, "--size", "65x96")
    ),
    "size that nobody says": Case("with --size HxW", model=saved(any_size)),
    "no Rescaling and no input range": Case("Set --input-range", model=bare),
    "input range of one number": Case(
        "Expected 2 numbers for --input-range", (*TEN_METERS, "--input-range", "1"), model=bare
    ),
    "input range from white to black": Case(
        "to ascend, got 1,0", (*TEN_METERS, "--input-range", "1,0"), model=bare
    ),
    "input range that is no number": Case(
        "to ascend, got nan", (*TEN_METERS, "--input-range", "nan,1"), model=bare
    ),
    "mean of bytes": Case(
        "pixels of 0 to 1, as torchvision", (*TEN_METERS, "--mean", "123.7,116.3,103.5"), model=bare
    ),
    "recipe of an old name": Case("plain is called minmax", (*TEN_METERS, "--recipe", "plain")),
    "recipe of no name": Case("Expected a recipe of minmax", (*TEN_METERS, "--recipe", "best")),
    "photos beyond the range": Case(
        "outputs 2 m or more at .* with --max-depth 12", ("--max-depth", "2")
    ),
    "two formulas": Case(
        "one of --disparity, --reciprocal and --inverse",
        (*TEN_METERS, "--inverse", "--reciprocal", "3"),
    ),
    "spans and a span": Case("Omit --span", ("--spans", "0,1,2", "--span", "1")),
    "spans and another range": Case("Omit --span", ("--spans", "0,1,2", "--max-depth", "3")),
    "span that does not divide": Case("divides 10 m, got 0.3 m", (*TEN_METERS, "--span", "0.3")),
    "span of zero": Case("span of more than 0 m", (*TEN_METERS, "--span", "0")),
    "range of zero": Case("end above 0 m, got 0 m", ("--max-depth", "0")),
    "range that is no number": Case("end above 0 m, got nan m", ("--max-depth", "nan")),
    "too many spans": Case("1 to 127 spans", ("--max-depth", "50", "--span", "0.1")),
    "spans that do not ascend": Case("ascending", ("--spans", "0,2,1")),
    "output folder that is missing": Case("There is no folder", output="missing/model.tflite"),
    "output of another kind": Case("ends in .tflite, got", output="model.keras"),
    "existing output": Case(
        "model.tflite exists.*--overwrite", before=old_files, left=("model.json", "model.tflite")
    ),
    "existing report": Case(
        "model.json exists.*--overwrite", before=old_report, left=("model.json",)
    ),
    "output that is a folder": Case(
        "is a folder",
        (*TEN_METERS, "--overwrite"),
        before=lambda folder: (folder / "model.tflite").mkdir(),
        left=("model.tflite",),
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_refusal_is_one_sentence_and_leaves_nothing(
    case: Case, work: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    given, folder = tmp_path / "given", tmp_path / "folder"
    given.mkdir()
    folder.mkdir()
    if case.before is not None:
        case.before(folder)
    changes = {"output": str(folder / case.output)}
    if case.images is not None:
        changes["representative"] = str(case.images(work, given))
    if case.model is not None:
        changes["model"] = str(case.model(work, given))
    capfd.readouterr()
    status = run_convert(work, folder, "--int8", *case.arguments, **changes)
    printed = capfd.readouterr()
    assert status == 1
    assert printed.out == ""
    (line,) = (each for each in printed.err.splitlines() if not each.startswith(("log: ", "step ")))
    assert line.startswith("error: ")
    assert re.search(case.words, line), line
    assert sorted(path.name for path in folder.iterdir()) == sorted(case.left)


def test_the_script_says_its_error_alone(work: Path, tmp_path: Path) -> None:
    """No chatter of TensorFlow's beside it, native or not: that is in the log."""
    images = folder_of(noise(256), b"none", b"none")(work, tmp_path)
    done = subprocess.run(
        [
            *(sys.executable, ROOT / "tools" / "convert", work / "small.keras", "--int8"),
            *("--representative", images, "--output", tmp_path / "model.tflite"),
        ],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"},
    )
    assert done.returncode == 1
    assert done.stdout == ""
    said = r"error: The image cannot calibrate or verify: Cannot read \S+\.png as an image: .*\n"
    assert re.fullmatch(rf"step 1 of 4: read photos\n(log: .*\n)?{said}", done.stderr)
    assert not list(tmp_path.glob("*model*"))


REQUIRED = ("--representative", "photos", "--output", "model.tflite")


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("model.keras",),
        ("model.keras", "--int8", "--float32", *REQUIRED),
        ("model.keras", "--int8", "--output", "model.tflite"),
        ("model.keras", "--int8", "--representative", "photos"),
        ("model.keras", "--int8", *REQUIRED, "--size", "64"),
        ("model.keras", "--int8", *REQUIRED, "--size", "0x64"),
        ("model.keras", "--int8", *REQUIRED, "--size", "64x-96"),
        ("model.keras", "--int8", *REQUIRED, "--head", "triple"),
        ("model.keras", "--int8", *REQUIRED, "--spans", "near,far"),
        ("model.keras", "--int8", *REQUIRED, "--samples", "many"),
        ("model.keras", "--int8", *REQUIRED, "--max-depth", "far"),
        ("model.keras", "--int8", *REQUIRED, "--fast"),
    ],
    ids=" ".join,
)
def test_a_call_that_makes_no_sense_shows_the_usage(
    arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert "usage: tfl-depth convert" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("precision", "`precision` to be 'int8', 'int16x8' or 'float32'"),
        ("head", "`head` to be 'split' or 'single'"),
        ("unit", "`unit` to be 'm', 'cm' or 'mm'"),
        ("channels", "`channels` to be 'bgr' or 'rgb'"),
        ("recipe", "a recipe of minmax"),
    ],
)
def test_a_word_of_python_is_checked_before_anything_is_read(name: str, said: str) -> None:
    images = ImageSplit((), (), 0)
    words: dict[str, Any] = {name: "dual"}
    with pytest.raises(ConversionError, match=f"Expected {said}.*, got 'dual'"):
        convert_network("there/is/no.keras", images=images, **words)


# Writing


def test_overwrite_replaces_model_and_report(work: Path, tmp_path: Path) -> None:
    old_files(tmp_path)
    assert run_convert(work, tmp_path, "--float32", *TEN_METERS, "--overwrite") == 0
    assert read_contract((tmp_path / "model.tflite").read_bytes()).precision == "float32"
    assert json.loads((tmp_path / "model.json").read_text())["precision"] == "float32"
    assert len(list(tmp_path.iterdir())) == 2


@pytest.fixture(scope="module")
def conversion(work: Path, tmp_path_factory: pytest.TempPathFactory) -> Conversion:
    folder = tmp_path_factory.mktemp("conversion")
    assert run_convert(work, folder, "--float32", *TEN_METERS) == 0
    content = (folder / "model.tflite").read_bytes()
    return Conversion(content, read_contract(content))


class FailingCall:
    """Stands for a function whose n-th call fails."""

    def __init__(self, real: Callable[..., Any], error: BaseException, call: int) -> None:
        self._real, self._error, self._left = real, error, call

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        self._left -= 1
        if self._left == 0:
            raise self._error
        return self._real(*arguments, **named)


FAILURES = {
    "disk full": OSError(errno.ENOSPC, "No space left on device"),
    "interrupted": KeyboardInterrupt(),
}


@pytest.mark.parametrize("old", [True, False], ids=["old files", "no files"])
@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES)
@pytest.mark.parametrize(("function", "call"), [("fsync", 1), ("fsync", 2), ("replace", 1)])
def test_a_failure_while_writing_changes_nothing(
    conversion: Conversion,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    function: str,
    call: int,
    failure: BaseException,
    old: bool,
) -> None:
    if old:
        old_files(tmp_path)
    before = {path: path.read_text() for path in tmp_path.iterdir()}
    owner = os if function == "fsync" else Path
    monkeypatch.setattr(owner, function, FailingCall(getattr(owner, function), failure, call))
    expected = OutputError if isinstance(failure, OSError) else KeyboardInterrupt
    with pytest.raises(expected):
        conversion.save(tmp_path / "model.tflite", overwrite=True)
    assert {path: path.read_text() for path in tmp_path.iterdir()} == before


def test_a_full_disk_is_told_in_one_line(
    work: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    old_files(tmp_path)
    failure = FAILURES["disk full"]
    monkeypatch.setattr(os, "fsync", FailingCall(os.fsync, failure, 1))
    assert run_convert(work, tmp_path, "--float32", *TEN_METERS, "--overwrite") == 1
    assert capfd.readouterr().err.endswith(
        f"error: Cannot write {tmp_path / 'model.tflite'}: No space left on device.\n"
    )
    assert (tmp_path / "model.tflite").read_text() == "old model"


def test_an_interruption_ends_with_status_130(
    work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tfl_depth.converters import representative

    failing = FailingCall(representative.read_pixels, KeyboardInterrupt(), 3)
    monkeypatch.setattr(representative, "read_pixels", failing)
    assert run_convert(work, tmp_path, "--int8", *TEN_METERS) == 130
    assert not list(tmp_path.iterdir())
