"""Makes the small models that light tests open: python -m tests.support.make_models FOLDER.

Those tests run with interpreters that exclude the converter, so the models are made beforehand
(`make test` does), by the project's own converter and without TensorFlow.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from ai_edge_litert.tools import flatbuffer_utils

from tests.converters.ptq import graphs
from tests.support import ramp
from tests.support.vela import vela
from tfl_depth.converters import ImageSplit
from tfl_depth.converters.conversion import Conversion
from tfl_depth.converters.graph import Operator, Tensor, constant, options, write_graph
from tfl_depth.converters.metadata import with_contract
from tfl_depth.converters.pipeline import convert_network
from tfl_depth.encoding import Spans
from tfl_depth.format.contract import Contract, HeadKind, Precision

SEED = 20240517
# Height and width of the small convolutional network, whose depth comes out at half of it.
NET_SIZE = (64, 96)
NET_SPANS = Spans.uniform(10)


def make_models(folder: Path) -> None:
    """Write every model into `folder`, which is replaced when all of them are there."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as work:
        new, images = Path(work, "new"), Path(work, "images")
        new.mkdir()
        images.mkdir()
        _write_ramps(new, images)
        _write_nets(new, _write_photos(images), Path(work))
        (new / ".complete").touch()
        if folder.exists():
            folder.rename(Path(work, "old"))
        new.rename(folder)


def ramp_model(spans: Spans, work: Path) -> bytes:
    """The int8 model of a ramp with these spans; `work` is a folder for its image."""
    made = convert_network(
        _ramp(spans),
        images=_ramp_images(work),
        spans=spans,
        input_range=ramp.PIXEL_RANGE,
        recipe="minmax",
    )
    return made.model


def _ramp_images(work: Path) -> ImageSplit:
    return ImageSplit(
        calibration=(_write_image(work / "ramp.png", ramp.image()),),
        verification=(_write_image(work / "mirrored.png", ramp.image()[::-1]),),
        seed=SEED,
    )


def _write_ramps(folder: Path, work: Path) -> None:
    images = _ramp_images(work)
    kinds: list[tuple[str, HeadKind, Precision]] = [(name, "split", "int8") for name in ramp.SPANS]
    kinds.append((ramp.COMMON, "single", "int8"))
    precisions: tuple[Precision, ...] = ("int16x8", "float32")
    for precision in precisions:
        kinds += [(ramp.COMMON, "split", precision), (ramp.COMMON, "single", precision)]
    for name, head, precision in kinds:
        spans = ramp.SPANS[name]
        made = convert_network(
            _ramp(spans),
            images=images,
            spans=spans,
            input_range=ramp.PIXEL_RANGE,
            head=head,
            precision=precision,
            # Its weights are exact as they are.
            recipe=None if precision == "float32" else "minmax",
        )
        (folder / ramp.file_name(name, head, precision)).write_bytes(made.model)
    spans = ramp.SPANS[ramp.COARSE]
    made = convert_network(
        _ramp(spans, ramp.COARSE_FEATURES),
        images=images,
        spans=spans,
        input_range=ramp.PIXEL_RANGE,
        recipe="minmax",
    )
    (folder / ramp.coarse_file_name()).write_bytes(made.model)
    _write_curves(folder, work)


def _write_curves(folder: Path, work: Path) -> None:
    images = ImageSplit(
        calibration=(_write_image(work / "middle.png", ramp.middle()),),
        verification=(_write_image(work / "mirrored-middle.png", ramp.middle()[::-1]),),
        seed=SEED,
    )
    for name, curve in ramp.CURVES.items():
        for weights in ("per-channel", "per-tensor"):
            made = convert_network(
                _curved_ramp(name),
                images=images,
                max_depth_m=curve.range_m[1],
                disparity=curve.range_m if curve.disparity else None,
                input_range=ramp.PIXEL_RANGE,
                per_channel=weights == "per-channel",
                recipe="minmax",
                golden=False,
            )
            (folder / ramp.curve_file_name(name, weights)).write_bytes(made.model)


def _ramp(spans: Spans, features: int = ramp.FEATURES) -> bytes:
    """The network of tests/support/ramp.py."""
    pixels, *operators = _linear_ramp(ramp.step_m(spans), 0.0, features)
    return write_graph(graphs.graph_of(pixels, *operators))


def _curved_ramp(name: str) -> bytes:
    """The network of one of `ramp.CURVES`."""
    low, high = ramp.CURVES[name].y
    pixels, *operators = _linear_ramp((high - low) / ramp.STEPS, low, ramp.FEATURES)
    y = operators[-1].output
    return write_graph(graphs.graph_of(pixels, *operators, *_CURVED_ENDS[name](y)))


def _unary(kind: str, value: Tensor) -> Operator:
    return Operator(kind, [value], [graphs.tensor(kind.lower(), *value.shape)], None)


def _sigmoid_meters(y: Tensor) -> list[Operator]:
    sigmoid = _unary("LOGISTIC", y)
    return [sigmoid, graphs.scaled(sigmoid.output, 10.0)]


def _reciprocal(y: Tensor) -> list[Operator]:
    inputs: list[Tensor | None] = [constant("one", 1.0), y]
    output = graphs.tensor("reciprocal", *y.shape)
    return [Operator("DIV", inputs, [output], options("DivOptions"))]


_CURVED_ENDS: dict[str, Callable[[Tensor], list[Operator]]] = {
    "sigmoid": _sigmoid_meters,
    "disparity": lambda y: [_unary("LOGISTIC", y)],
    "reciprocal": _reciprocal,
    "exp": lambda y: [_unary("EXP", y)],
}


def _linear_ramp(step: float, low: float, features: int) -> tuple[Any, ...]:
    """The input, and operators up to low + step * (127 R + G)."""
    side, repeats = (ramp.SIDE, ramp.SIDE), features // 3
    pixels = graphs.tensor("pixels", 1, *side, 3)
    # A ReLU keeps it apart from the convolution behind, into which a plain copy would be folded.
    copies = np.tile(np.eye(3), (repeats, 1)).reshape(features, 1, 1, 3)
    repeated = graphs.conv(pixels, copies, np.zeros(features), side, name="copies", activation=1)
    weights = np.array([ramp.RED_WEIGHT, 1, 0] * repeats) * step / repeats
    depth = graphs.conv(
        repeated.output, weights.reshape(1, 1, 1, -1), np.full(1, low), side, name="depth"
    )
    return pixels, repeated, depth


def _write_nets(folder: Path, images: ImageSplit, work: Path) -> None:
    """The convolutional network, and files made of it that a runtime must refuse."""
    made = convert_network(_net(), images=images, spans=NET_SPANS)
    single = convert_network(_net(), images=images, spans=NET_SPANS, head="single")
    per_tensor = convert_network(_net(), images=images, spans=NET_SPANS, per_channel=False)
    without_golden = convert_network(_net(), images=images, spans=NET_SPANS, golden=False)
    newer = _NextVersion(**vars(made.contract))
    files = {
        "net": made.model,
        "net-single": single.model,
        "net-per-tensor": per_tensor.model,
        "net-vela": _compiled(made, work),
        "net-no-contract": _edited(made.model, _drop_metadata),
        "net-no-golden": without_golden.model,
        "net-newer": with_contract(made.model, newer),
        # Its contract names `integer` and `fractional`.
        "net-lacking": with_contract(single.model, made.contract),
        "net-no-signature": with_contract(_edited(made.model, _drop_signature), made.contract),
        "net-swapped": with_contract(_edited(made.model, _swap_outputs), made.contract),
        "net-other-size": with_contract(made.model, replace(made.contract, height=32)),
        "net-other-type": with_contract(made.model, replace(made.contract, precision="float32")),
    }
    for name, content in files.items():
        (folder / f"{name}.tflite").write_bytes(content)


def _net() -> bytes:
    """Two convolutions: blurred brightness, differently for each color, as meters.

    The pool between them is an operator of another kind, for delegates that take one kind only.
    """
    random = np.random.default_rng(SEED)
    pixels = graphs.tensor("pixels", 1, *NET_SIZE, 3)
    scaled = graphs.scaled(pixels, 1 / 255)
    half = (NET_SIZE[0] // 2, NET_SIZE[1] // 2)
    kernel = random.uniform(0, 0.3, (3, 3, 3, 8)).transpose(3, 0, 1, 2)
    features = graphs.conv(
        scaled.output, kernel, np.zeros(8), half, name="features", stride=2, activation=3
    )
    pooled = graphs.max_pool(features.output)
    depth = graphs.conv(
        pooled.output, random.uniform(0, 0.6, (1, 1, 1, 8)), np.array([0.5]), half, name="depth"
    )
    return write_graph(graphs.graph_of(pixels, scaled, features, pooled, depth))


class _NextVersion(Contract):
    """A contract as a later tfl-depth might write it."""

    def to_json(self, sha256: str) -> bytes:
        return super().to_json(sha256).replace(b'"version":3', b'"version":4')


def _compiled(made: Conversion, work: Path) -> bytes:
    """The model for an Ethos-U65, whose operators only its delegate knows."""
    source = work / "net.tflite"
    source.write_bytes(made.model)
    vela(source, "ethos-u65-512", work)
    return with_contract((work / "net_vela.tflite").read_bytes(), made.contract)


def _edited(content: bytes, edit: Callable[[Any], None]) -> bytes:
    model = flatbuffer_utils.convert_bytearray_to_object(bytearray(content))
    edit(model)
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def _drop_metadata(model: Any) -> None:
    model.metadata = []


def _drop_signature(model: Any) -> None:
    model.signatureDefs = []


def _swap_outputs(model: Any) -> None:
    one, other = model.signatureDefs[0].outputs
    one.name, other.name = other.name, one.name


def _write_photos(folder: Path) -> ImageSplit:
    """Blurred noise, so that small patches have any brightness and color."""
    random = np.random.default_rng(SEED)
    paths = []
    for number in range(8):
        coarse = random.integers(0, 256, (8, 12, 3), np.uint8)
        photo = cv2.resize(coarse, NET_SIZE[::-1], interpolation=cv2.INTER_CUBIC)
        paths.append(_write_image(folder / f"{number}.png", np.asarray(photo)))
    return ImageSplit(tuple(paths[2:]), tuple(paths[:2]), seed=SEED)


def _write_image(path: Path, rgb: Any) -> Path:
    cv2.imwrite(str(path), rgb[..., ::-1])
    return path


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("folder", type=Path)
    make_models(arguments.parse_args().folder)
