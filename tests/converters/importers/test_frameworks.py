"""PyTorch, ONNX and Keras 2 for real: each in its environment, compared with what it gave there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.converters.importers.frameworks import framework_python, run_script
from tfl_depth.converters.graph import read_graph
from tfl_depth.converters.importers import ImportedNetwork, import_difference, import_network
from tfl_depth.converters.importers.environments import KERAS2, ONNX, TORCH, Environment
from tfl_depth.converters.importers.foreign import relaid
from tfl_depth.errors import ConversionError

pytestmark = pytest.mark.frameworks

HERE = Path(__file__).parent
LARGEST = 1e-5  # of outputs of about 1


def files_of(environment: Environment, factory: pytest.TempPathFactory) -> Path:
    folder = factory.mktemp(environment.name)
    run_script(framework_python(environment), HERE / f"make_{environment.name}.py", folder)
    return folder


@pytest.fixture(scope="module")
def torch_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return files_of(TORCH, tmp_path_factory)


@pytest.fixture(scope="module")
def onnx_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return files_of(ONNX, tmp_path_factory)


@pytest.fixture(scope="module")
def keras2_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return files_of(KERAS2, tmp_path_factory)


def agrees(found: ImportedNetwork, folder: Path, name: str, largest: float = LARGEST) -> None:
    """Import, source and what the framework wrote beside the file are the same."""
    (first,) = read_graph(found.model).inputs.values()
    image = relaid(np.load(folder / "image.npy"), first.shape)
    assert import_difference(found, [image]) < largest
    with np.load(folder / f"{name}.npz") as expected:
        values: list[Any] = [expected[key] for key in expected]
    for one, other in zip(found.run(image), values, strict=True):
        assert np.abs(one - relaid(other, one.shape)).max() < largest
    found.close()


# PyTorch


@pytest.mark.parametrize(
    ("name", "names"),
    [("scales", ("disp_0", "disp_1")), ("one", ("output_0",)), ("padded", ("output_0",))],
)
def test_torch(torch_files: Path, name: str, names: tuple[str, ...]) -> None:
    if name == "padded":
        framework_python(ONNX)  # the second way
    found = import_network(torch_files / f"{name}.pt2")
    assert (found.format, found.framework) == ("pt2", "pytorch")
    assert found.output_names == names
    agrees(found, torch_files, name)


def test_torch_of_any_size(torch_files: Path) -> None:
    with pytest.raises(ConversionError, match="with --size HxW"):
        import_network(torch_files / "any_size.pt2")
    found = import_network(torch_files / "any_size.pt2", size=(32, 64))
    (first,) = read_graph(found.model).inputs.values()
    assert sorted(first.shape) == [1, 3, 32, 64]
    assert import_difference(found, [np.full(first.shape, 0.5, np.float32)]) < LARGEST
    found.close()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("training.pt2", r"training mode.*model\.eval\(\)"),
        ("nan.pt2", r"NaN or infinite, in decoder\.bias"),
        ("half.pt2", r"torch\.float16: call model\.float\(\)"),
        ("weights.pth", r"weights without a network.*torch\.export\.save"),
        ("script.pt", r"TorchScript.*torch\.export\.save"),
    ],
)
def test_torch_refusals(torch_files: Path, name: str, words: str) -> None:
    with pytest.raises(ConversionError, match=words):
        import_network(torch_files / name)


# ONNX


def test_onnx(onnx_files: Path) -> None:
    found = import_network(onnx_files / "fixed.onnx")
    assert (found.format, found.framework) == ("onnx", "onnx")
    assert found.output_names == ("/z/fine", "/a/coarse")
    agrees(found, onnx_files, "fixed")


def test_onnx_that_its_converter_gets_wrong(onnx_files: Path) -> None:
    agrees(import_network(onnx_files / "planes.onnx"), onnx_files, "planes")


def test_onnx_of_any_size(onnx_files: Path) -> None:
    with pytest.raises(ConversionError, match="with --size HxW"):
        import_network(onnx_files / "any_size.onnx")
    agrees(import_network(onnx_files / "any_size.onnx", size=(32, 48)), onnx_files, "any_size")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nan.onnx", "NaN or infinite, in kernel"),
        ("quantized.onnx", r"quantized already \(QuantizeLinear\)"),
        ("outside.onnx", r"weights in other files.*outside\.data"),
        ("unknown.onnx", r"Cannot convert .*unknown\.onnx: .*odd:Wobble"),
    ],
)
def test_onnx_refusals(onnx_files: Path, name: str, words: str) -> None:
    with pytest.raises(ConversionError, match=words) as refused:
        import_network(onnx_files / name)
    assert "\n" not in str(refused.value)


# Keras 2


@pytest.mark.parametrize("file", ["net.h5", "net.keras"])
def test_keras2(keras2_files: Path, file: str) -> None:
    found = import_network(keras2_files / file)
    assert (found.format, found.framework) == (file.partition(".")[2], "keras2")
    assert found.output_names == ("z_fine", "a_coarse")
    agrees(found, keras2_files, "net")


def test_saved_model_of_keras2(keras2_files: Path) -> None:
    found = import_network(keras2_files / "net")
    assert found.framework == "tensorflow"
    assert set(found.output_names) == {"z_fine", "a_coarse"}
    assert import_difference(found, [np.load(keras2_files / "image.npy")]) < LARGEST


def test_keras2_in_half_precision(keras2_files: Path) -> None:
    """Computed in float32, so it is the same network."""
    agrees(import_network(keras2_files / "mixed.h5"), keras2_files, "net")


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ("any_size.h5", "with --size HxW"),
        ("inf.h5", "NaN or infinite, in a_coarse/bias"),
        ("lambda.h5", r"Lambda layer, whose code .* is not run\. .*save_format"),
        ("weights.h5", "weights without a network"),
    ],
)
def test_keras2_refusals(keras2_files: Path, file: str, words: str) -> None:
    with pytest.raises(ConversionError, match=words):
        import_network(keras2_files / file)
