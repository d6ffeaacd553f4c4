"""Every encoder: its features and weights, and its network in INT8 and on Arm's smallest NPU."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import pytest
from keras import layers

from tests.support.length import in_full
from tests.support.photos import write_photos
from tests.support.vela import vela
from tfl_depth.converters import ImageSplit
from tfl_depth.converters.pipeline import convert_network
from tfl_depth.converters.representative import read_pixels
from tfl_depth.converters.tflite_facts import read_facts
from tfl_depth.encoding import Spans
from tfl_depth.evaluation.macs import count_macs
from tfl_depth.models import ENCODERS, depth_net
from tfl_depth.models.encoders import EncoderName
from tfl_depth.models.mobilenet import mobilenet_v2
from tfl_depth.runtime import DepthRunner
from tfl_depth.runtime.engines.interpreter import open_interpreter

Array = npt.NDArray[Any]
ROOT = Path(__file__).resolve().parents[2]
SIZE = (96, 128)

# At strides 2 to 32, from the papers' tables; MobileNetV2's widths as the authors' code rounds.
CHANNELS = {
    "efficientnet_lite0": (16, 24, 40, 112, 320),
    "efficientnet_lite0_short": (16, 24, 40, 112, 320),
    "resnet18": (64, 64, 128, 256, 512),
    "mobilenet_v2_0.35": (8, 8, 16, 32, 112),
    "mobilenet_v2_0.5": (8, 16, 16, 48, 160),
    "mobilenet_v2_0.75": (16, 24, 24, 72, 240),
    "mobilenet_v2_1.0": (16, 24, 32, 96, 320),
    "pico": (16, 24, 40, 112, 192),
}
MOBILENETS = {float(name.rpartition("_")[2]): name for name in ENCODERS if "mobilenet" in name}

# MobileNetV2 has one code for its widths: `make test` takes the widest, and pico, which is narrow.
NARROW = ("_0.35", "_0.5", "_0.75")
each_encoder = pytest.mark.parametrize(
    "encoder",
    [pytest.param(name, marks=[in_full] if name.endswith(NARROW) else []) for name in ENCODERS],
)
# And of each kind of block one network, for what the numbers of blocks and channels do not change.
BLOCKS = ("efficientnet_lite0_short", "resnet18", "pico")
each_block = pytest.mark.parametrize(
    "encoder", [pytest.param(name, marks=[] if name in BLOCKS else [in_full]) for name in ENCODERS]
)
# A conversion takes half a minute. The zoo's tests convert pico.
each_architecture = pytest.mark.parametrize(
    "encoder",
    [
        pytest.param("efficientnet_lite0", marks=in_full),
        "resnet18",
        pytest.param("mobilenet_v2_0.35", marks=in_full),
        pytest.param("mobilenet_v2_1.0", marks=in_full),
    ],
)


@cache
def encoder_model(
    encoder: EncoderName, size: tuple[int, int] = (96, 160), drop_path: float = 0.0
) -> keras.Model:
    """The features of an encoder. Tests share it, since most take a second to be built."""
    pixels = keras.Input((*size, 3))
    return keras.Model(pixels, ENCODERS[encoder].build(pixels, drop_path))


def elements(weights: list[Any]) -> int:
    return sum(int(np.prod(weight.shape)) for weight in weights)


# Features


@pytest.mark.parametrize("size", [(96, 160), pytest.param((384, 640), marks=in_full)])
@each_encoder
def test_features_halve_five_times(encoder: EncoderName, size: tuple[int, int]) -> None:
    features = encoder_model(encoder, size).outputs
    height, width = size
    assert [tuple(feature.shape) for feature in features] == [
        (None, height >> level, width >> level, channels)
        for level, channels in enumerate(CHANNELS[encoder], start=1)
    ]


@each_block
def test_drop_path_drops_residual_branches_more_and_more(encoder: EncoderName) -> None:
    model = encoder_model(encoder, drop_path=0.2)
    rates = [layer.rate for layer in model.layers if isinstance(layer, layers.Dropout)]
    assert len(rates) >= 3
    assert rates == sorted(rates)
    assert max(rates) < 0.2
    for layer in model.layers:
        if isinstance(layer, layers.Dropout):
            (added,) = layer.output._keras_history.operation._outbound_nodes
            assert isinstance(added.operation, layers.Add)


@each_block
def test_drop_path_has_no_weights(encoder: EncoderName) -> None:
    with_drop, without = (encoder_model(encoder, drop_path=rate) for rate in (0.2, 0.0))
    assert [w.shape for w in with_drop.weights] == [w.shape for w in without.weights]
    assert [w.path for w in with_drop.weights] == [w.path for w in without.weights]


def test_resnet18_activates_by_plain_relu() -> None:
    model = encoder_model("resnet18")
    largest = {layer.max_value for layer in model.layers if isinstance(layer, layers.ReLU)}
    assert largest == {None}


# Published sizes, and the published network


def test_resnet18_has_the_papers_weights() -> None:
    """11,689,512 without the classifier's 513,000; moving statistics are not among them."""
    model = encoder_model("resnet18")
    assert elements(model.trainable_weights) == 11_176_512


def test_lite0_has_the_originals_weights() -> None:
    """4,652,008 without the classifier and the 1x1 convolution before it."""
    model = encoder_model("efficientnet_lite0")
    classifier, last = 1280 * 1000 + 1000, 320 * 1280 + 2 * 1280
    assert elements(model.trainable_weights) == 4_652_008 - classifier - last


def test_mobilenet_v2_has_keras_weights() -> None:
    """2,257,984, moving statistics included, without the last 1x1 convolution to 1280 channels."""
    model = encoder_model("mobilenet_v2_1.0")
    assert elements(model.weights) == 2_257_984 - (320 * 1280 + 4 * 1280)


@pytest.mark.parametrize(
    "width",
    # One that no table has.
    [pytest.param(width, marks=[] if width == 0.6 else [in_full]) for width in (*MOBILENETS, 0.6)],
)
def test_mobilenet_v2_computes_what_keras_applications_does(width: float) -> None:
    pixels = keras.Input((64, 96, 3))
    ours = keras.Model(pixels, mobilenet_v2(pixels, width=width))
    normalized = keras.Input((64, 96, 3))
    theirs = keras.applications.MobileNetV2(
        input_tensor=normalized, alpha=width, include_top=False, weights=None
    )
    taps = ["expanded_conv_project_BN", "block_2_add", "block_5_add", "block_12_add"]
    taps.append("block_16_project_BN")
    theirs = keras.Model(normalized, [theirs.get_layer(name).output for name in taps])
    rng = np.random.default_rng(0)
    # Around 1, so that variances are positive and features keep their size.
    theirs.set_weights([rng.normal(1, 0.1, w.shape) for w in theirs.get_weights()])
    ours.set_weights(theirs.get_weights())
    values = rng.integers(0, 256, (2, 64, 96, 3)).astype(np.float32)
    # Called and not predicted, since compiling takes longer.
    expected = [np.asarray(each) for each in theirs((values - 127) / 128)]
    for one, other in zip(map(np.asarray, ours(values)), expected, strict=True):
        assert other.std() > 0
        np.testing.assert_allclose(one, other, atol=1e-4 * np.abs(other).max())


@pytest.mark.parametrize("width", [0.34, 1.01, 0, -1, float("nan")])
def test_other_widths_are_refused(width: float) -> None:
    with pytest.raises(ValueError, match=r"Expected `width` to be 0\.35 to 1\.0, got"):
        mobilenet_v2(keras.Input((64, 64, 3)), width=width)


# The depth network


@each_block
def test_the_network_is_named_after_its_encoder(encoder: EncoderName) -> None:
    model = depth_net(encoder, (96, 64))
    assert model.name == f"{encoder.replace('.', '_')}_depth"
    assert model.output_shape == (None, 48, 32, 1)


@pytest.mark.parametrize("size", [(100, 96), (96, 100), (0, 32)])
@each_encoder
def test_sizes_that_cannot_be_halved_five_times_are_refused(
    encoder: EncoderName, size: tuple[int, int]
) -> None:
    with pytest.raises(ValueError, match="multiples of 32"):
        depth_net(encoder, size)


def test_an_unknown_encoder_is_refused_with_the_known_ones() -> None:
    with pytest.raises(
        ValueError,
        match=r"`encoder` to be 'efficientnet_lite0', 'efficientnet_lite0_short', .*got 'vgg16'",
    ):
        depth_net("vgg16", (64, 64))  # type: ignore[arg-type]


@pytest.mark.parametrize("encoder", [name for name in ENCODERS if "efficientnet_lite0" not in name])
def test_imagenet_is_refused_where_there_are_no_such_weights(encoder: EncoderName) -> None:
    with pytest.raises(ValueError, match=r"ImageNet weights \(efficientnet_lite0, .*\), got"):
        depth_net(encoder, (64, 64), imagenet=True)


@pytest.fixture
def mixed_precision() -> Iterator[None]:
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    yield
    keras.config.set_dtype_policy(policy)


@pytest.mark.usefixtures("mixed_precision")
def test_depth_is_float32_under_mixed_precision() -> None:
    model = depth_net("mobilenet_v2_0.35", (64, 64))
    assert model.get_layer("b3_expand").compute_dtype == "bfloat16"
    assert model.get_layer("depth").compute_dtype == "float32"
    assert model.outputs[0].dtype == "float32"


# INT8, and the NPU


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return write_photos(tmp_path_factory.mktemp("photos") / "photos")


Converted = Callable[[EncoderName], tuple[keras.Model, Path]]


@pytest.fixture(scope="module")
def converted(photos: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Converted:
    """Gives the network of an encoder and its INT8 file, made when it is first asked for."""
    folder = tmp_path_factory.mktemp("int8")
    made: dict[str, tuple[keras.Model, Path]] = {}

    def convert_once(encoder: EncoderName) -> tuple[keras.Model, Path]:
        if encoder not in made:
            model = settled(encoder, photos)
            images = ImageSplit(tuple(photos[::4]), tuple(photos[1::4]), seed=0)
            path = folder / f"{encoder}.tflite"
            int8 = convert_network(
                model, images=images, spans=Spans.uniform(10), recipe="minmax", golden=False
            )
            path.write_bytes(int8.model)
            made[encoder] = model, path
        return made[encoder]

    return convert_once


def settled(encoder: EncoderName, photos: list[Path]) -> keras.Model:
    """An untrained network whose normalizations fit the photos, and that takes light for far."""
    keras.utils.set_random_seed(0)
    model = depth_net(encoder, SIZE)
    pixels = np.stack([read_pixels(path, SIZE) for path in photos]).astype(np.float32)
    for layer in model.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.momentum = 0.0
    model(pixels, training=True)
    depth = model.get_layer("depth")
    features = keras.Model(model.inputs, depth.input).predict_on_batch(pixels)
    known = np.concatenate([features, np.ones_like(features[..., :1])], axis=-1)
    depth_m = 1 + 8 * pixels[:, ::2, ::2].mean(axis=-1) / 255
    fitted, *_ = np.linalg.lstsq(known.reshape(-1, known.shape[-1]), depth_m.ravel())
    depth.set_weights([fitted[:-1].reshape(depth.kernel.shape), fitted[-1:]])
    return model


@pytest.mark.slow
@each_architecture
def test_int8_file_has_no_float_and_says_nearly_the_same_depth(
    converted: Converted, photos: list[Path], encoder: EncoderName
) -> None:
    model, path = converted(encoder)
    interpreter = open_interpreter(path.read_bytes(), xnnpack=False)
    dtypes = {detail["dtype"] for detail in interpreter.get_tensor_details()}
    assert dtypes <= {np.int8, np.int32}
    pixels = read_pixels(photos[2], SIZE)
    with DepthRunner(path) as runner:
        depth_m = runner.infer(pixels, size="model", channels="rgb") / 1000
    expected_m = np.clip(model.predict_on_batch(pixels[None].astype(np.float32))[0, ..., 0], 0, 10)
    assert np.ptp(expected_m) > 4
    # Untrained features are noisier in INT8 than trained ones; a constant would be 0.7 m off.
    assert np.median(np.abs(depth_m - expected_m)) < 0.3


@pytest.mark.slow
@each_architecture
def test_int8_file_computes_as_much_as_the_network(
    converted: Converted, encoder: EncoderName
) -> None:
    model, path = converted(encoder)
    # The split head in place of the depth convolution: 10 filters on the decoder's last features,
    # and two weighted sums of them.
    last = ENCODERS[encoder].decoder_widths[-1]
    split = (SIZE[0] // 2) * (SIZE[1] // 2) * (9 * last + 2 * 10)
    assert read_facts(path.read_bytes()).macs == (count_macs(model) or 0) + split


@pytest.mark.slow
@each_architecture
def test_vela_leaves_no_operator_on_the_cpu(
    converted: Converted, encoder: EncoderName, tmp_path: Path
) -> None:
    _, path = converted(encoder)
    assert "CPU operators = 0 (0.0%)" in vela(path, "ethos-u55-256", tmp_path)
