"""docs/examples/deploy_your_own.py on real files, with what docs/deploy.md says of them."""

from __future__ import annotations

from pathlib import Path

import keras
import pytest

from docs.examples import deploy_your_own as example
from tests.support.photos import write_photos
from tests.support.small_net import seeded, small_net
from tfl_depth.errors import ConversionError, ConversionWarning
from tfl_depth.format.contract import read_contract


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return write_photos(tmp_path_factory.mktemp("deploy") / "photos")


@pytest.fixture(scope="module")
def network(photos: list[Path]) -> keras.Model:
    return seeded(small_net(), photos)


def deployed(network: Path, photos: list[Path], folder: Path) -> Path:
    output = folder / "model.tflite"
    with pytest.warns(ConversionWarning, match="There are only 12 photos"):
        assert example.main([str(network), str(photos[0].parent), str(output)]) == 0
    return output


def test_a_saved_model_becomes_millimeters(
    network: keras.Model, photos: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    network.export(tmp_path / "saved", verbose=False)
    contract = read_contract(deployed(tmp_path / "saved", photos, tmp_path).read_bytes())
    assert contract.output_names == ("integer", "fractional")
    assert contract.source is not None and contract.source.format == "saved_model"
    assert contract.source.import_difference_mm < 1
    assert contract.verification["median_mm"] < 60
    said = capsys.readouterr().out
    assert "verdict    CHECK: There are only 12 photos" in said
    assert (
        f"median     {contract.verification['median_mm']:.1f} mm from the network in FP32" in said
    )
    assert f"{photos[0].name}: " in said


def test_weights_alone_are_refused_with_a_way_out(
    network: keras.Model, photos: list[Path], tmp_path: Path
) -> None:
    network.save_weights(tmp_path / "small.weights.h5")
    with pytest.raises(ConversionError, match=r"load them into the model in Python"):
        example.to_int8(tmp_path / "small.weights.h5", photos[0].parent, tmp_path / "model.tflite")
    assert not (tmp_path / "model.tflite").exists()
