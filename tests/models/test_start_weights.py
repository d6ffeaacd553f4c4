"""The weights of a depth network from those of another."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import numpy.typing as npt
import pytest
from keras import layers

from tests.support.length import in_full
from tfl_depth.models import depth_net
from tfl_depth.models.encoders import EncoderName
from tfl_depth.models.start_weights import take_weights

ROOT = Path(__file__).resolve().parents[2]
SIZE = (64, 96)
# Blocks of EfficientNet-Lite0 that its short form leaves out.
LEFT_OUT = ("b7", "b9", "b10", "b12", "b13", "b14")


def varied(encoder: EncoderName) -> keras.Model:
    """A network all of whose weights are random and at work."""
    model = depth_net(encoder, SIZE)
    rng = np.random.default_rng(0)
    for layer in model.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.set_weights([rng.uniform(0.5, 1.5, w.shape) for w in layer.get_weights()])
    return model


def test_the_short_form_computes_what_the_whole_does_without_the_blocks_left_out() -> None:
    path = ROOT / "zoo" / "lite0-nyu-192x256" / "model.keras"
    whole = keras.saving.load_model(path, compile=False)
    short = depth_net("efficientnet_lite0_short", whole.input_shape[1:3])
    take_weights(short, whole)
    pixels = np.random.default_rng(1).uniform(0, 255, (1, *whole.input_shape[1:])).astype("f4")
    # Called and not predicted, since compiling takes longer.
    before = np.asarray(whole(pixels))
    for block in LEFT_OUT:
        norm = whole.get_layer(f"{block}_project_bn")
        scale, offset, *statistics = norm.get_weights()
        norm.set_weights([0 * scale, 0 * offset, *statistics])
    expected, found = np.asarray(whole(pixels)), np.asarray(short(pixels))
    assert np.abs(before - expected).max() > 0.1
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def silence(source: keras.Model, block: str, channels: npt.NDArray[np.intp]) -> None:
    """Make hidden channels constant, at zero: the block's output does not change with them."""
    norm = source.get_layer(f"{block}_depthwise_bn")
    scale, offset, *statistics = norm.get_weights()
    scale[channels], offset[channels] = 0, 0
    norm.set_weights([scale, offset, *statistics])


def test_a_thin_network_has_the_hidden_channels_that_matter() -> None:
    """With the others silenced, its first blocks compute what the whole network's do."""
    whole, thin = varied("efficientnet_lite0"), depth_net("pico", SIZE)
    own = {name: thin.get_layer(name).get_weights()[0] for name in ("up0_reduce", "depth")}
    rng = np.random.default_rng(2)
    kept: dict[int, npt.NDArray[np.intp]] = {}
    # Blocks of the whole network, in the order of pico's.
    blocks = (0, 1, 2, 3, 4, 5, 6, 8, 11)
    for block in blocks:
        count = whole.get_layer(f"b{block}_depthwise").output.shape[-1]
        kept[block] = np.sort(rng.permutation(count)[: 24 if block == 0 else count // 3])
        silence(whole, f"b{block}", np.setdiff1d(np.arange(count), kept[block]))
    take_weights(thin, whole)
    pixels = rng.uniform(0, 255, (1, *SIZE, 3)).astype("f4")
    # The whole network has a block more from here on.
    found, expected = (
        np.asarray(keras.Model(model.input, model.get_layer("b2_project_bn").output)(pixels))
        for model in (thin, whole)
    )
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)
    for number, block in enumerate(blocks):
        (thin_kernel,) = thin.get_layer(f"b{number}_depthwise").get_weights()
        (whole_kernel,) = whole.get_layer(f"b{block}_depthwise").get_weights()
        np.testing.assert_array_equal(thin_kernel, whole_kernel[:, :, kept[block]])
    for name, kernel in own.items():
        np.testing.assert_array_equal(thin.get_layer(name).get_weights()[0], kernel)
    same = [model.get_layer("up1_mix_project").get_weights()[0] for model in (thin, whole)]
    np.testing.assert_array_equal(*same)


@pytest.mark.parametrize(
    "encoder", [pytest.param("efficientnet_lite0_short", marks=in_full), "pico"]
)
def test_the_same_network_gives_all_its_weights(encoder: EncoderName) -> None:
    source, model = varied(encoder), depth_net(encoder, SIZE)
    take_weights(model, source)
    for one, other in zip(model.get_weights(), source.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("encoder", "source"),
    [
        ("efficientnet_lite0", "efficientnet_lite0_short"),
        ("efficientnet_lite0_short", "pico"),
        pytest.param("pico", "efficientnet_lite0_short", marks=in_full),
    ],
)
def test_another_network_is_refused(encoder: EncoderName, source: EncoderName) -> None:
    with pytest.raises(ValueError, match=r"weight|layer|shape"):
        take_weights(depth_net(encoder, SIZE), depth_net(source, SIZE))
