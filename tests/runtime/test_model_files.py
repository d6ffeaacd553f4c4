"""Files that are no model, or not the whole one: refused before native code reads them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from tests.support import ramp
from tfl_depth.format.contract import read_contract
from tfl_depth.format.contract_place import find_contract
from tfl_depth.runtime import (
    ContractError,
    DelegateRequiredError,
    DepthError,
    DepthRunner,
    InterpreterError,
    ModelFileError,
)


def jpeg() -> bytes:
    return cv2.imencode(".jpg", np.zeros((64, 64, 3), np.uint8))[1].tobytes()


def random_bytes(size: int) -> bytes:
    return np.random.default_rng(5).integers(0, 256, size, np.uint8).tobytes()


FOREIGN = {
    "empty": b"",
    "header alone": b"TFL3",
    "jpeg": jpeg(),
    "zip": b"PK\x03\x04" + random_bytes(2000),
    "random": random_bytes(2000),
}


@pytest.mark.usefixtures("no_native_code")
@pytest.mark.parametrize("name", FOREIGN)
def test_foreign_file_is_refused(name: str, tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(FOREIGN[name])
    with pytest.raises(ModelFileError, match="not a TensorFlow Lite model"):
        DepthRunner(path)


@pytest.mark.usefixtures("no_native_code")
@pytest.mark.parametrize(
    "before, behind", [(b"\x1c\0\0\0", b""), (b"\xff" * 4, random_bytes(2000))]
)
def test_header_alone_is_no_model(before: bytes, behind: bytes, tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(before + b"TFL3" + behind)
    with pytest.raises(ModelFileError, match="damaged or incomplete"):
        DepthRunner(path)


def test_random_bytes_behind_a_header_are_refused() -> None:
    random = np.random.default_rng(11)
    for size in random.integers(4, 400, 300):
        # An offset that is too small is as bad as one that is too large.
        root = int(random.integers(0, 2 * size)).to_bytes(4, "little")
        body = random.integers(0, 256, size, np.uint8).tobytes()
        with pytest.raises((ModelFileError, ContractError)):
            read_contract(root + b"TFL3" + body)


@pytest.mark.usefixtures("no_native_code")
def test_missing_file_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=r"absent\.tflite: No such file"):
        DepthRunner(tmp_path / "absent.tflite")


@pytest.mark.usefixtures("no_native_code")
def test_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="directory"):
        DepthRunner(str(tmp_path))


@pytest.mark.usefixtures("no_native_code")
def test_file_cut_anywhere_is_refused(net: Path, tmp_path: Path) -> None:
    content = net.read_bytes()
    path = tmp_path / "model.tflite"
    for size in np.random.default_rng(6).integers(0, len(content), 200):
        path.write_bytes(content[:size])
        with pytest.raises(ModelFileError, match=r"damaged|not a TensorFlow Lite model"):
            DepthRunner(path)


@pytest.mark.usefixtures("no_native_code")
def test_file_with_something_behind_it_is_refused(net: Path, tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(net.read_bytes() + b"\0")
    with pytest.raises(ModelFileError, match="SHA-256"):
        DepthRunner(path)


@pytest.mark.usefixtures("no_native_code")
def test_bit_flipped_anywhere_is_refused(net: Path, tmp_path: Path) -> None:
    content = net.read_bytes()
    path = tmp_path / "model.tflite"
    random = np.random.default_rng(8)
    for position in random.integers(0, len(content), 400):
        flipped = bytearray(content)
        flipped[position] ^= 1 << random.integers(8)
        path.write_bytes(flipped)
        with pytest.raises((ModelFileError, ContractError)):
            DepthRunner(path)


@pytest.mark.usefixtures("no_native_code")
def test_two_bytes_exchanged_in_the_weights_are_found(net: Path, tmp_path: Path) -> None:
    content = bytearray(net.read_bytes())
    place = find_contract(bytes(content))
    assert place is not None
    behind = range(sum(place), len(content) - 1)
    at = next(k for k in behind if content[k] != content[k + 1])
    content[at], content[at + 1] = content[at + 1], content[at]
    path = tmp_path / "model.tflite"
    path.write_bytes(content)
    with pytest.raises(ModelFileError, match="SHA-256"):
        DepthRunner(path)


@pytest.mark.usefixtures("no_native_code")
def test_file_without_a_contract_is_refused(models: Path) -> None:
    with pytest.raises(ContractError, match=r"no contract.*TFL_DEPTH.*tfl-depth convert"):
        DepthRunner(models / "net-no-contract.tflite")


@pytest.mark.usefixtures("no_native_code")
def test_contract_of_a_newer_version_is_refused(models: Path) -> None:
    with pytest.raises(ContractError, match="version 3, got 4: install the tfl-depth that wrote"):
        DepthRunner(models / "net-newer.tflite")


BREAKING = {
    "net-lacking": r"lacks.*'fractional', 'integer'.*outputs \['depth'\]",
    "net-no-signature": "has no signature",
    "net-other-size": r"input shape \[1, 32, 96, 3\].*got \[1, 64, 96, 3\]",
    "net-other-type": "input dtype .*float32.*got .*int8",
}


@pytest.mark.parametrize("name", BREAKING)
def test_model_that_breaks_its_contract_is_refused(name: str, models: Path) -> None:
    with pytest.raises(ContractError, match=BREAKING[name]):
        DepthRunner(models / f"{name}.tflite")


def test_compiled_model_asks_for_its_delegate(models: Path) -> None:
    path = models / "net-vela.tflite"
    assert read_contract(path.read_bytes()).head == "split"
    with pytest.raises(DelegateRequiredError, match=r"'ethos-u'.*delegate.*portable"):
        DepthRunner(path)


def test_errors_are_one_tree() -> None:
    assert issubclass(DelegateRequiredError, InterpreterError)
    for error in (ModelFileError, ContractError, InterpreterError):
        assert issubclass(error, DepthError)
        assert error.__doc__


def test_runner_that_failed_leaves_nothing_behind(
    net: Path, tmp_path: Path, photo: npt.NDArray[np.uint8]
) -> None:
    """The same path opens as soon as it holds a whole model."""
    path = tmp_path / "model.tflite"
    path.write_bytes(net.read_bytes()[:-1])
    with pytest.raises(ModelFileError):
        DepthRunner(path)
    path.write_bytes(net.read_bytes())
    with DepthRunner(path) as again:
        assert again.infer(photo).shape == photo.shape[:2]


def test_file_may_go_once_it_is_open(
    net: Path, tmp_path: Path, photo: npt.NDArray[np.uint8]
) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(net.read_bytes())
    with DepthRunner(path) as opened:
        before = opened.infer(photo)
        path.unlink()
        np.testing.assert_array_equal(opened.infer(photo), before)


def test_every_good_model_opens(models: Path) -> None:
    for name in ramp.SPANS:
        DepthRunner(models / ramp.file_name(name)).close()
