"""Building a model anew for another size, and taking its normalisation off."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from keras import layers

from tfl_depth.converters.prepare import Normalisation, at_size, split_normalisation
from tfl_depth.encoding import Spans
from tfl_depth.errors import ConversionError

Array = npt.NDArray[Any]
SIDE = 16
SPANS = Spans.uniform(10)


def pixels() -> keras.KerasTensor:
    return keras.Input((SIDE, SIDE, 3))


def depth(features: keras.KerasTensor) -> keras.KerasTensor:
    return layers.Conv2D(1, 1, name="depth")(features)


def backbone() -> keras.Model:
    """Normalisation and one convolution, to be nested in another model."""
    return keras.Sequential(
        [
            keras.Input((SIDE, SIDE, 3)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(3, 3, strides=2, padding="same", activation="relu6", name="depth"),
            layers.UpSampling2D(),
        ]
    )


def sequential() -> keras.Model:
    return keras.Sequential([pixels(), *backbone().layers, layers.Conv2D(1, 1)])


def functional() -> keras.Model:
    source = pixels()
    features = layers.Rescaling(1 / 255)(source)
    return keras.Model(source, depth(layers.BatchNormalization()(features)))


def nested_backbone() -> keras.Model:
    """Its two layers called "depth" are in different models."""
    source = pixels()
    return keras.Model(source, depth(backbone()(source)))


def all_nested() -> keras.Model:
    source = pixels()
    return keras.Model(source, nested_backbone()(source))


def backbone_twice() -> keras.Model:
    source, shared = pixels(), backbone()
    return keras.Model(source, depth(shared(layers.Conv2D(3, 1)(shared(source)))))


def layer_twice() -> keras.Model:
    source, shared = pixels(), layers.Conv2D(3, 1)
    features = layers.Rescaling(1 / 255)(source)
    return keras.Model(source, depth(shared(shared(features)) + shared(features)))


def nested_with_two_inputs() -> keras.Model:
    source = pixels()
    one, other = (keras.Input((SIDE, SIDE, 3), name=name) for name in ("one", "other"))
    inner = keras.Model({"one": one, "other": other}, [one - other, one * other])
    features = layers.Rescaling(1 / 255)(source)
    difference, product = inner({"other": layers.Conv2D(3, 1)(features), "one": features})
    return keras.Model(source, depth(difference + product))


def lists() -> keras.Model:
    source = pixels()
    return keras.Model([source], [depth(layers.Rescaling(1 / 255)(source))])


def dicts() -> keras.Model:
    source = keras.Input((SIDE, SIDE, 3), name="image")
    return keras.Model({"image": source}, {"depth": depth(layers.Rescaling(1 / 255)(source))})


MODELS: list[Callable[[], keras.Model]] = [
    functional,
    sequential,
    nested_backbone,
    all_nested,
    backbone_twice,
    layer_twice,
    nested_with_two_inputs,
    lists,
    dicts,
]
each_model = pytest.mark.parametrize("make", MODELS, ids=lambda make: make.__name__)


def seeded(model: keras.Model) -> keras.Model:
    rng = np.random.default_rng(0)
    # Positive, as variances must be.
    model.set_weights([rng.uniform(0.1, 1, weights.shape) for weights in model.get_weights()])
    return model


def picture(side: int = SIDE) -> Array:
    return np.random.default_rng(1).integers(0, 256, (1, side, side, 3)).astype(np.float32)


def depth_of(model: keras.Model, image: Array) -> Array:
    """The one output, of models that wrap it in a list or a dict as well."""
    inputs = {"image": image} if model.inputs[0].name == "image" else image
    (output,) = keras.tree.flatten(model.predict_on_batch(inputs))
    return np.asarray(output)


@each_model
def test_model_of_its_own_size_computes_the_same(make: Callable[[], keras.Model]) -> None:
    model = seeded(make())
    rebuilt = at_size(model, None)
    assert rebuilt.input_shape == (1, SIDE, SIDE, 3)
    expected = depth_of(model, picture())
    assert expected.std() > 0.01
    np.testing.assert_allclose(rebuilt.predict_on_batch(picture()), expected, rtol=1e-5)


@each_model
def test_model_of_another_size_computes_the_same_inside(make: Callable[[], keras.Model]) -> None:
    model = seeded(make())
    rebuilt = at_size(model, (2 * SIDE, 2 * SIDE))
    large = picture(2 * SIDE)
    found = rebuilt.predict_on_batch(large)
    assert found.shape == (1, 2 * SIDE, 2 * SIDE, 1)
    expected = depth_of(model, large[:, :SIDE, :SIDE])
    # Padding reaches some pixels in from the border.
    inside = np.s_[:, : SIDE - 6, : SIDE - 6]
    np.testing.assert_allclose(found[inside], expected[inside], rtol=1e-4)


@pytest.mark.parametrize(
    "make", [make for make in MODELS if make is not backbone_twice], ids=lambda make: make.__name__
)
def test_model_without_its_normalisation_computes_the_same(
    make: Callable[[], keras.Model],
) -> None:
    model = seeded(make())
    network = split_normalisation(at_size(model, None))
    assert network.normalisation == Normalisation(1 / 255, 0.0)
    expected = depth_of(model, picture())
    for found in (
        network.on_pixels().predict_on_batch(picture()),
        network.body.predict_on_batch(network.as_input(picture()[0].astype(np.uint8), "int8")),
    ):
        # The scale that bytes have is that of the layer to 16 bits.
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("precision", ["int8", "int16x8", "float32"])
@pytest.mark.parametrize("head", ["split", "single"])
def test_deployed_model_has_named_doors(precision: str, head: str) -> None:
    network = split_normalisation(at_size(functional(), None))
    deployed = network.deployed(precision=precision, head=head, spans=SPANS)
    assert [tensor.name for tensor in deployed.inputs] == ["pixels"]
    assert set(deployed.output) == ({"depth"} if head == "single" else {"integer", "fractional"})
    assert all(tensor.shape == (1, SIDE, SIDE, 1) for tensor in deployed.outputs)


def test_input_range_stands_for_the_missing_rescaling() -> None:
    source = pixels()
    model = seeded(keras.Model([source], [depth(source)]))
    network = split_normalisation(at_size(model, None), (-1.0, 1.0))
    normalised = picture() / 127.5 - 1
    expected = depth_of(model, normalised)
    np.testing.assert_allclose(network.on_pixels().predict_on_batch(picture()), expected, atol=1e-5)


@given(zero=st.floats(0, 255), width=st.floats(1e-3, 600))
def test_bytes_say_every_normalised_pixel_exactly(zero: float, width: float) -> None:
    wanted = Normalisation(width / 255, -zero * width / 255)
    said = wanted.in_bytes
    values = [pixel * said.scale + said.offset for pixel in range(256)]
    assert values == [float(np.float32(value)) for value in values]
    assert (-said.offset / said.scale).is_integer()
    # Half a pixel's step, and what 16 bits of scale leave over.
    allowed = 0.5 * wanted.scale + 2**-16 * width
    assert max(np.abs(np.subtract(said.range, wanted.range))) <= allowed


def test_a_range_that_bytes_can_say_stays_as_it_is() -> None:
    exact = Normalisation(1 / 128, -127 / 128)
    assert exact.in_bytes == exact


def two_consumers() -> keras.Model:
    source = pixels()
    return keras.Model(source, depth(layers.Rescaling(1 / 255)(source) + source))


def by_channel() -> keras.Model:
    source = pixels()
    return keras.Model(source, depth(layers.Rescaling([1.0, 2.0, 3.0], [0.0, 0.0, 0.0])(source)))


@pytest.mark.parametrize(
    "make", [two_consumers, by_channel, backbone_twice], ids=lambda make: make.__name__
)
def test_other_beginnings_are_no_normalisation(make: Callable[[], keras.Model]) -> None:
    with pytest.raises(ConversionError, match="does not begin with a"):
        split_normalisation(at_size(make(), None))


@pytest.mark.parametrize("shape", [(SIDE, SIDE, 1), (SIDE, 3), (SIDE, SIDE, 4)])
def test_models_that_take_no_pictures_are_refused(shape: tuple[int, ...]) -> None:
    source = keras.Input(shape)
    with pytest.raises(ConversionError, match=r"one input \(batch, H, W, 3\)"):
        at_size(keras.Model(source, layers.Dense(1)(source)), None)


def test_models_of_two_inputs_are_refused() -> None:
    one, other = pixels(), pixels()
    with pytest.raises(ConversionError, match=r"one input \(batch, H, W, 3\)"):
        at_size(keras.Model([one, other], depth(one + other)), None)


def flattens() -> keras.Model:
    source = pixels()
    features = layers.Dense(SIDE * SIDE)(layers.Flatten()(source))
    return keras.Model(source, depth(layers.Reshape((SIDE, SIDE, 1))(features)))


def halves() -> keras.Model:
    source = pixels()
    coarse = layers.Conv2D(3, 3, strides=2, padding="same")(source)
    return keras.Model(source, depth(layers.UpSampling2D()(coarse) + source))


@pytest.mark.parametrize(
    ("make", "size"), [(flattens, (32, 32)), (halves, (17, 16))], ids=["flattens", "halves"]
)
def test_sizes_that_a_network_cannot_take_are_refused(
    make: Callable[[], keras.Model], size: tuple[int, int]
) -> None:
    with pytest.raises(ConversionError, match=f"network cannot take {size[0]}x{size[1]}"):
        at_size(make(), size)
