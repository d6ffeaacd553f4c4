"""docs/examples/deploy_your_own.py on real SavedModels, and what docs/deploy.md says of others."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from docs.examples import deploy_your_own as example
from tests.photos import write_photos
from tfl_depth.contract import read_contract
from tfl_depth.converters import convert, split_images
from tfl_depth.converters.representative import read_pixels
from tfl_depth.encoding import Spans
from tfl_depth.errors import ConversionError


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return write_photos(tmp_path_factory.mktemp("deploy") / "photos")


@pytest.fixture(scope="module")
def network(photos: list[Path]) -> keras.Model:
    """The example's network, with weights of its own and depths within 0 to 10 m."""
    model = example.your_network()
    rng = np.random.default_rng(1)
    for weight in model.weights:
        low, high = (
            (0.5, 1.5) if "variance" in weight.path or "gamma" in weight.path else (-0.2, 0.2)
        )
        weight.assign(rng.uniform(low, high, weight.shape))
    pixels = np.stack([read_pixels(path, model.input_shape[1:3]) for path in photos])
    low, high = np.percentile(model.predict_on_batch(pixels.astype(np.float32)), [2, 98])
    kernel, bias = model.get_layer("depth").get_weights()
    gain = 9 / (high - low)
    model.get_layer("depth").set_weights([gain * kernel, gain * (bias - low) + 0.5])
    return model


@pytest.fixture(scope="module")
def saved(network: keras.Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("saved") / "model"
    network.export(folder, verbose=False)
    return folder


def test_a_saved_model_becomes_millimetres(
    saved: Path, photos: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "model.tflite"
    assert example.main([str(saved), str(photos[0].parent), str(output)]) == 0
    contract = read_contract(output.read_bytes())
    assert contract.output_names == ("integer", "fractional")
    assert contract.verification["wrap_share"] < 0.01
    assert "from the SavedModel by 0.0" in capsys.readouterr().out


def test_so_does_one_that_tensorflow_saved(network: keras.Model, tmp_path: Path) -> None:
    tf.saved_model.save(network, str(tmp_path / "model"))
    rebuilt = example.your_network()
    example.take_weights(rebuilt, tmp_path / "model")
    for one, other in zip(network.get_weights(), rebuilt.get_weights(), strict=True):
        assert (one == other).all()


def test_weights_of_other_layers_are_refused(saved: Path) -> None:
    other = keras.Sequential([keras.Input((96, 128, 3)), keras.layers.Conv2D(1, 3, name="depth")])
    with pytest.raises(ConversionError, match=r"Not in both .*dec2/kernel"):
        example.take_weights(other, saved)


def test_weights_of_another_shape_are_refused(network: keras.Model, saved: Path) -> None:
    config = network.get_config()
    (dec2,) = (layer for layer in config["layers"] if layer["name"] == "dec2")
    dec2["config"]["kernel_size"] = (1, 1)
    with pytest.raises(ConversionError, match=r"dec2/kernel of shape \(1, 1, 48, 24\), got \(3"):
        example.take_weights(keras.Model.from_config(config), saved)


def test_a_network_that_computes_something_else_is_refused(
    network: keras.Model, saved: Path, photos: list[Path]
) -> None:
    config = network.get_config()
    (first,) = (layer for layer in config["layers"] if layer["name"] == "normalise")
    first["config"].update(scale=1 / 255, offset=0.0)
    other = keras.Model.from_config(config)
    example.take_weights(other, saved)
    with pytest.raises(ConversionError, match="differ by"):
        example.expect_same(other, saved, photos[0])


def test_a_saved_model_as_a_layer_cannot_be_converted(saved: Path, photos: list[Path]) -> None:
    pixels = keras.Input(batch_shape=(1, 96, 128, 3))
    wrapped = keras.layers.TFSMLayer(str(saved), call_endpoint="serve")
    model = keras.Model(pixels, wrapped(pixels))
    images = split_images(photos, samples=8, seed=0)
    with pytest.raises(ConversionError, match="TFSMLayer"):
        convert(model, images=images, spans=Spans.uniform(10))
