"""The weights of a depth network from those of another."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
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
        pytest.param("pico", "efficientnet_lite0", marks=in_full),
    ],
)
def test_another_network_is_refused(encoder: EncoderName, source: EncoderName) -> None:
    with pytest.raises(ValueError, match=r"weight|layer|shape"):
        take_weights(depth_net(encoder, SIZE), depth_net(source, SIZE))
