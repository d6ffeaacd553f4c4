"""Keras 3: what its models come to, whatever they are made of."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from tests.support.real_data import BESIDE_THE_CHECKOUT
from tfl_depth.converters.graph import read_graph
from tfl_depth.converters.importers import ImportedNetwork, import_difference, import_network
from tfl_depth.errors import ConversionError

SIZE = (16, 24)
CASES = BESIDE_THE_CHECKOUT.parent / "cases"


def photo(shape: tuple[int, ...] = (1, *SIZE, 3)) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Noise that is smooth, as photos are, in whole pixels."""
    rng = np.random.default_rng(1)
    coarse = rng.integers(0, 256, (shape[0], shape[1] // 8, shape[2] // 8, 3))
    return coarse.repeat(8, 1).repeat(8, 2).astype(np.float32)


def net(
    *extra: layers.Layer, shape: tuple[int | None, ...] = (*SIZE, 3), dtype: str = "float32"
) -> keras.Model:
    keras.utils.set_random_seed(0)
    pixels = keras.Input(shape, dtype=dtype, name="photo")
    x = layers.Rescaling(1 / 255)(pixels)
    for layer in extra:
        x = layer(x)
    x = layers.Conv2D(4, 3, strides=2, padding="same", activation="relu")(x)
    x = layers.BatchNormalization()(x)
    return keras.Model(pixels, layers.Conv2D(1, 1, name="depth")(x), name="net")


def agrees(found: ImportedNetwork, model: keras.Model, value: Any | None = None) -> None:
    """The .tflite, the source as the importer runs it, and Keras itself compute the same."""
    value = photo() if value is None else value
    expected = keras.tree.flatten(model(value, training=False))
    tolerance = 1e-5 * max(float(np.abs(each).max()) for each in expected)
    assert import_difference(found, [value]) < tolerance
    for one, other in zip(found.run(value), expected, strict=True):
        assert np.abs(one - np.asarray(other, np.float32)).max() < tolerance


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
def test_files(suffix: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    model = net()
    model.save(tmp_path / f"net{suffix}")
    capfd.readouterr()
    found = import_network(tmp_path / f"net{suffix}")
    assert capfd.readouterr() == ("", "")
    assert (found.format, found.framework) == (suffix[1:], "keras")
    assert found.output_names == ("depth",)
    agrees(found, model)


def test_layers_of_training_are_off() -> None:
    model = net(
        layers.RandomFlip(seed=0),
        layers.RandomRotation(0.2, seed=0),
        layers.GaussianNoise(0.5, seed=0),
        layers.Dropout(0.5, seed=0),
        layers.SpatialDropout2D(0.5, seed=0),
    )
    agrees(import_network(model), model)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16", "float16", "bfloat16"])
def test_half_precision_is_computed_in_float32(policy: str) -> None:
    keras.config.set_dtype_policy(policy)
    try:
        model = net()
    finally:
        keras.config.set_dtype_policy("float32")
    model.get_layer("depth").bias.assign([3.0])
    found = import_network(model)
    assert {t.dtype for t in read_graph(found.model).computed()} == {np.dtype(np.float32)}
    assert import_difference(found, [photo()]) < 1e-4
    # The model itself stays as it was, and is as near as its own precision lets it be.
    assert model.get_layer("depth").compute_dtype == policy.removeprefix("mixed_")
    own = np.asarray(model(photo(), training=False), np.float32)
    assert 0 < np.abs(found.run(photo())[0] - own).max() < 0.05


def several() -> keras.Model:
    pixels = keras.Input((*SIZE, 3))
    features = layers.Conv2D(4, 3, padding="same", name="features")(pixels)
    fine = layers.Conv2D(1, 1, name="zz_fine")(features)
    coarse = layers.Conv2D(1, 3, strides=2, name="aa_coarse")(features)
    return keras.Model(pixels, [fine, coarse])


def named() -> keras.Model:
    model = several()
    return keras.Model(model.inputs[0], {"far": model.outputs[0], "near": model.outputs[1]})


def nested() -> keras.Model:
    inner = net()
    pixels = keras.Input((*SIZE, 3))
    twice = inner(inner.layers[1](pixels))
    return keras.Model(pixels, layers.Add(name="sum")([twice, inner(pixels)]))


def shared_name() -> keras.Model:
    model = several()
    return keras.Model(model.inputs[0], [model.outputs[1], model.outputs[1] * 2, model.outputs[0]])


@keras.saving.register_keras_serializable("tests")
class Subclassed(keras.Model):  # type: ignore[misc]
    """As a tutorial writes it."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.features = layers.Conv2D(4, 3, padding="same", activation="elu")
        self.dropout = layers.Dropout(0.9)
        self.depth = layers.Conv2D(1, 1)

    def call(self, x: Any, training: bool = False) -> Any:
        x = self.dropout(self.features(x / 255.0), training=training)
        return {"depth": self.depth(x), "features": x}


def subclassed() -> keras.Model:
    model = Subclassed()
    model(photo())
    return model


def sequential_without_input() -> keras.Model:
    model = keras.Sequential([layers.Conv2D(4, 3, padding="same"), layers.Conv2D(1, 1)])
    model(photo())
    return model


KINDS: dict[str, tuple[Callable[[], keras.Model], tuple[str, ...] | None]] = {
    "several outputs, in the model's order": (several, ("zz_fine", "aa_coarse")),
    "a dict of outputs": (named, ("far", "near")),
    "nested and shared": (nested, ("sum",)),
    "outputs of one layer": (shared_name, None),
    "integers as pixels": (lambda: net(dtype="uint8"), ("depth",)),
    "sequential without an Input": (sequential_without_input, None),
}


@pytest.mark.parametrize(("make", "names"), KINDS.values(), ids=KINDS)
def test_kinds_of_models(make: Callable[[], keras.Model], names: tuple[str, ...] | None) -> None:
    model = make()
    found = import_network(model)
    assert names is None or found.output_names == names
    assert tuple(read_graph(found.model).outputs) == found.output_names
    agrees(found, model)


def test_a_subclassed_model_needs_a_size(tmp_path: Path) -> None:
    model = subclassed()
    with pytest.raises(ConversionError, match=r"any size\. Choose one with --size HxW"):
        import_network(model)
    found = import_network(model, size=SIZE)
    assert found.output_names == ("depth", "features")
    assert import_difference(found, [photo()]) < 1e-4
    assert np.abs(found.run(photo())[0] - np.asarray(model(photo())["depth"])).max() < 1e-4
    model.save(tmp_path / "net.keras")
    assert import_network(tmp_path / "net.keras", size=SIZE).output_names == found.output_names


def test_sizes() -> None:
    model = net(shape=(None, None, 3))
    with pytest.raises(ConversionError, match="any size"):
        import_network(model)
    agrees(import_network(model, size=(32, 40)), model, photo((1, 32, 40, 3)))
    # A network of fixed size is built for another one, with the same weights.
    wide, value = import_network(net(), size=(32, 40)), photo((1, 32, 40, 3))
    assert np.array_equal(wide.run(value)[0], import_network(model, size=(32, 40)).run(value)[0])
    pixels = keras.Input((*SIZE, 3))
    fixed = layers.Reshape((*SIZE, 1))(layers.Conv2D(1, 1)(pixels))
    with pytest.raises(ConversionError, match=r"cannot take 32x40 .*Keras reports"):
        import_network(keras.Model(pixels, fixed), size=(32, 40))


def test_weights_that_are_not_finite_name_their_layer() -> None:
    model = net()
    model.get_layer("depth").bias.assign([np.nan])
    with pytest.raises(ConversionError, match="NaN or infinite, in depth/bias"):
        import_network(model)


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
def test_lambda_is_not_run(suffix: str, tmp_path: Path) -> None:
    inner = keras.Sequential([layers.Lambda(lambda x: x * 2)])
    net(inner).save(tmp_path / f"net{suffix}")
    with pytest.raises(ConversionError, match=r"Lambda layer.*safe_mode=False.*model\.export"):
        import_network(tmp_path / f"net{suffix}")


def test_a_class_that_nobody_knows(tmp_path: Path) -> None:
    class Odd(layers.Layer):  # type: ignore[misc]
        def call(self, x: Any) -> Any:
            return x

    net(Odd()).save(tmp_path / "net.keras")
    with pytest.raises(ConversionError, match=r"does not know, Odd\. In .*model\.export"):
        import_network(tmp_path / "net.keras")


def test_other_refusals(tmp_path: Path) -> None:
    two = keras.Model(
        inputs := [keras.Input((*SIZE, 3)), keras.Input((1,))],
        layers.Conv2D(1, 1)(inputs[0]) + keras.ops.reshape(inputs[1], (-1, 1, 1, 1)),
    )
    with pytest.raises(ConversionError, match="one input, an image; it has 2"):
        import_network(two)
    with pytest.raises(ConversionError, match=r"has no weights\. Call it on an image"):
        import_network(keras.Sequential([layers.Conv2D(1, 1)]))
    with pytest.raises(ConversionError, match=r"one image, .* its input is"):
        import_network(net(shape=(*SIZE, 1)))
    erf = keras.Model(x := keras.Input((*SIZE, 3)), layers.Conv2D(1, 1)(keras.ops.erfinv(x)))
    with pytest.raises(ConversionError, match="no operator for Erfinv"):
        import_network(erf)
    quantized = net(layers.Dense(4, name="dense"))
    quantized.get_layer("dense").quantize("int8")
    with pytest.raises(ConversionError, match="quantized already, in layer dense"):
        import_network(quantized)


@pytest.mark.parametrize("case", ["shared", "grouped", "split", "mixed", "flip", "millimeters"])
def test_networks_that_failed_once(case: str) -> None:
    path = CASES / f"{case}.keras"
    if not path.is_file():
        pytest.skip(f"{path} is not here")
    found = import_network(path)
    value = photo((1, 64, 96, 3))
    scale = np.abs(found.run(value)[0]).max()
    assert import_difference(found, [value]) < 1e-5 * scale
    if case != "mixed":
        model = keras.saving.load_model(path, compile=False)
        own = np.asarray(model(value, training=False))
        assert np.abs(found.run(value)[0] - own).max() < 1e-5 * scale
