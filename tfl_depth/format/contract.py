"""The contract: what a .tflite file says of itself, so that a runtime needs nothing else.

It is JSON in the flatbuffer metadata entry `TFL_DEPTH` (docs/contract.md) and carries a SHA-256
over the whole file, so that a changed file is known before native code reads it, and room for a
signature (tfl_depth/format/signing.py).
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any

from tfl_depth.encoding import MAX_SAMPLES, MAX_SPANS, Spans
from tfl_depth.errors import ContractError, ModelFileError
from tfl_depth.format import flatbuffer_reader as tables
from tfl_depth.format.fields import Fields, parse_object

__all__ = [
    "HEADS",
    "METADATA_NAME",
    "PRECISIONS",
    "RULES",
    "VERSION",
    "Calibration",
    "Contract",
    "GoldenSpread",
    "Normalization",
    "Source",
    "read_contract",
]

METADATA_NAME = "TFL_DEPTH"
VERSION = 2
# Longer than 127 spans of 256 samples each need.
MAX_BYTES = 2**20
# Of a side of the input, in pixels, and of the golden vectors.
MAX_SIDE = 2**14
MAX_GOLDEN_IMAGES = 100
MAX_COUNT = 2**53
# Stands in the file where the digest goes while the digest is computed.
BLANK_SHA256 = "0" * 64
# Stands where a signature goes while there is none.
BLANK_SIGNATURE = "0" * 128

HEADS = {"split": ("integer", "fractional"), "single": ("depth",)}
RULES = {"split": "folded", "single": "linear"}
COLOR_ORDER, PIXEL_RANGE = "rgb", [0, 255]
PRECISIONS = ("int8", "int16x8", "float32")


@dataclass(frozen=True)
class Normalization:
    """What the network does to a pixel of 0 to 255 first: pixel * scale + offset.

    Attributes:
        scale, offset: of red, green and blue.
    """

    scale: tuple[float, float, float]
    offset: tuple[float, float, float]


@dataclass(frozen=True)
class Source:
    """The network that was converted, in the framework that it came from.

    Attributes:
        format: of its file, as "onnx".
        framework: that computes it, with the version.
        import_difference_mm: the largest difference that its import made on calibration photos.
    """

    format: str
    framework: str
    import_difference_mm: float


@dataclass(frozen=True)
class Calibration:
    """What the quantization ranges were measured on.

    Attributes:
        images: how many.
        sha256: over the sorted SHA-256 digests of the image files, one hexadecimal line each.
        seed: that chose the images.
    """

    images: int
    sha256: str
    seed: int


@dataclass(frozen=True)
class GoldenSpread:
    """How far correct kernels lie apart on the model's golden vectors (tfl_depth/format/golden.py).

    Attributes:
        images: how many golden vectors there are.
        median_mm, p95_mm, max_mm: of the absolute difference over all pixels between the reference
            kernels and others that are correct too, the largest of any of these.
    """

    images: int
    median_mm: float
    p95_mm: float
    max_mm: float


@dataclass(frozen=True)
class Contract:
    """How to feed the model and how to read it.

    Attributes:
        tool: name and version that wrote the file.
        precision: one of `PRECISIONS`.
        head: "split" (outputs `integer` and `fractional`) or "single" (output `depth`).
        edges_m: span edges of the split, or (0, maximum depth) of the single head, in metres.
        input_name: signature name of the input, which takes RGB pixels 0 to 255: as int8, 128 less;
            as float32, as they are.
        height, width: of the input, in pixels.
        normalization: the network's own. It is part of the model and for information only.
        calibration: None for float32.
        verification: what the converter measured on the finished file (see docs/contract.md).
        curves_m: depth inside each span of the split, as in `Spans`; None: straight.
        source: None where it is not known.
        golden: None for a file without golden vectors.
        recipe: what was done to the network before it was quantized (tfl_depth/recipes.py); None
            for float32.
    """

    tool: str
    precision: str
    head: str
    edges_m: tuple[float, ...]
    input_name: str
    height: int
    width: int
    normalization: Normalization
    calibration: Calibration | None
    verification: dict[str, Any]
    curves_m: tuple[tuple[float, ...], ...] | None = None
    source: Source | None = None
    golden: GoldenSpread | None = None
    recipe: str | None = None

    @property
    def output_names(self) -> tuple[str, ...]:
        """Signature names of the outputs."""
        return HEADS[self.head]

    @property
    def spans(self) -> Spans:
        """The intervals that the split counts; one for the single head."""
        return Spans(self.edges_m, self.curves_m)

    @property
    def max_depth_m(self) -> float:
        """The farthest depth that the model can say, in metres."""
        return self.edges_m[-1]

    def to_json(self, sha256: str) -> bytes:
        """Serialise, with `sha256` (64 hexadecimal digits) as the file's digest."""
        document = {
            "version": VERSION,
            "sha256": sha256,
            "signature": BLANK_SIGNATURE,
            "tool": self.tool,
            "precision": self.precision,
            "recipe": self.recipe,
            "source": asdict(self.source) if self.source else None,
            "input": {
                "name": self.input_name,
                "height": self.height,
                "width": self.width,
                "color_order": COLOR_ORDER,
                "pixel_range": PIXEL_RANGE,
                "normalization": asdict(self.normalization),
            },
            "head": self.head,
            "outputs": {name: name for name in self.output_names},
            "decoding": {
                "rule": RULES[self.head],
                "edges_m": self.edges_m,
                "curves_m": self.curves_m,
                "codes_per_span": self.spans.codes_per_span,
            },
            "max_depth_m": self.max_depth_m,
            "calibration": asdict(self.calibration) if self.calibration else None,
            "verification": self.verification,
            "golden": asdict(self.golden) if self.golden else None,
        }
        return json.dumps(document, separators=(",", ":"), allow_nan=False).encode()

    @classmethod
    def from_json(cls, text: bytes) -> Contract:
        """Parse what `to_json` wrote.

        Raises:
            ContractError: another version, or a field that is missing or not as docs/contract.md
                says, or that says what is not implemented.
        """
        return _contract(_fields(text))


def _fields(text: bytes) -> Fields:
    """The fields of a contract of this version, of which no other was looked at.

    Raises:
        ContractError: it is of another version, or none.
    """
    if len(text) > MAX_BYTES:
        raise ContractError(
            f"Expected a contract of at most {MAX_BYTES} bytes, got {len(text)}: convert the "
            "network again."
        )
    try:
        fields = parse_object(text)
        version = fields.value("version")
    except (ValueError, RecursionError) as error:
        raise ContractError(
            f"The contract is not readable ({error}): convert the network again."
        ) from error
    if version != VERSION:
        raise ContractError(_other_version(version))
    return fields


def _other_version(version: Any) -> str:
    if version == 1:
        return (
            f"Expected a contract of version {VERSION}, got 1: an earlier tfl-depth wrote the "
            "file. Convert the network again with this one."
        )
    return (
        f"Expected a contract of version {VERSION}, got {ascii(version)[:40]}: install the "
        "tfl-depth that wrote the file, or convert the network again with this one."
    )


def _contract(fields: Fields) -> Contract:
    """The contract, as `Contract.from_json` says."""
    try:
        return _checked(fields)
    except ValueError as error:
        raise ContractError(
            f"The contract is wrong ({error}): convert the network again."
        ) from error


def _checked(fields: Fields) -> Contract:
    fields.digits("sha256", len(BLANK_SHA256))
    fields.digits("signature", len(BLANK_SIGNATURE))
    head = fields.one_of("head", tuple(HEADS))
    fields.expect("outputs", {name: name for name in HEADS[head]})
    source, calibration, golden = map(fields.object_or_none, ("source", "calibration", "golden"))
    spans = _spans(fields.object("decoding"), head)
    fields.expect("max_depth_m", spans.max_depth_m)
    return Contract(
        tool=fields.text("tool"),
        precision=fields.one_of("precision", PRECISIONS),
        head=head,
        edges_m=spans.edges_m,
        curves_m=spans.curves_m,
        calibration=None if calibration is None else _calibration(calibration),
        verification=_verification(fields),
        source=None if source is None else _source(source),
        golden=None if golden is None else _golden(golden),
        recipe=None if fields.value("recipe") is None else fields.text("recipe"),
        **_input(fields.object("input")),
    )


def _spans(decoding: Fields, head: str) -> Spans:
    decoding.expect("rule", RULES[head])
    edges_m = decoding.numbers("edges_m", MAX_SPANS + 1)
    curves_m = None
    if decoding.value("curves_m") is not None:
        curves_m = tuple(decoding.lists_of_numbers("curves_m", MAX_SPANS, MAX_SAMPLES))
    spans = Spans(edges_m, curves_m)
    if head == "single" and (spans.count != 1 or spans.edges_m[0] != 0 or curves_m is not None):
        raise ValueError("expected decoding of one output to be of a range from 0, and straight")
    decoding.expect("codes_per_span", spans.codes_per_span)
    return spans


def _input(pixels: Fields) -> dict[str, Any]:
    pixels.expect("color_order", COLOR_ORDER)
    pixels.expect("pixel_range", PIXEL_RANGE)
    normalization = pixels.object("normalization")
    return {
        "input_name": pixels.text("name"),
        "height": pixels.whole("height", 1, MAX_SIDE),
        "width": pixels.whole("width", 1, MAX_SIDE),
        "normalization": Normalization(
            _of_colors(normalization, "scale"), _of_colors(normalization, "offset")
        ),
    }


def _of_colors(fields: Fields, name: str) -> tuple[float, float, float]:
    values = fields.numbers(name, 3)
    if len(values) != 3:
        raise ValueError(f"expected {name} of three colors, got {len(values)}")
    return values


def _source(fields: Fields) -> Source:
    return Source(
        format=fields.text("format"),
        framework=fields.text("framework"),
        import_difference_mm=fields.number("import_difference_mm", least=0),
    )


def _calibration(fields: Fields) -> Calibration:
    return Calibration(
        images=fields.whole("images", 0, MAX_COUNT),
        sha256=fields.digits("sha256", 64),
        seed=fields.whole("seed", -MAX_COUNT, MAX_COUNT),
    )


# What is shown to people of `verification`, where it is there.
_MEASURED_MM = ("median_mm", "mean_mm", "p95_mm", "max_mm", "wrap_share")


def _verification(fields: Fields) -> dict[str, Any]:
    measured = fields.object("verification")
    for name in _MEASURED_MM:
        if name in measured:
            measured.number(name, least=0)
    if "images" in measured:
        measured.whole("images", 0, MAX_COUNT)
    return fields.plain("verification")


def _golden(fields: Fields) -> GoldenSpread:
    return GoldenSpread(
        images=fields.whole("images", 1, MAX_GOLDEN_IMAGES),
        median_mm=fields.number("median_mm", least=0),
        p95_mm=fields.number("p95_mm", least=0),
        max_mm=fields.number("max_mm", least=0),
    )


def read_contract(model: bytes) -> Contract:
    """Find the contract in a .tflite file and check the file against its digest.

    Raises:
        ModelFileError: not a TensorFlow Lite file, or one that is not what was written.
        ContractError: no contract in it, or one of another version.
    """
    found = find_contract(model)
    if found is None:
        raise ContractError(
            "The model has no contract (metadata entry TFL_DEPTH): make it with tfl-depth convert."
        )
    start, length = found
    fields = _fields(bytes(model[start : start + length]))
    place = digest_place(model)
    if model[place] != blanked_sha256(model, place).encode():
        raise ModelFileError(
            "The file is damaged or was changed after conversion (its SHA-256 differs): copy it "
            "again, or convert the network again."
        )
    return _contract(fields)


def with_digest(model: bytes) -> bytes:
    """The file, which has a contract, with the digest that is right for it."""
    place = digest_place(model)
    # Same length, so nothing moves.
    return model[: place.start] + blanked_sha256(model, place).encode() + model[place.stop :]


def digest_place(model: bytes) -> slice:
    """Where the 64 digits of the digest are in the file.

    Raises:
        ContractError: there are none.
    """
    return _digits_place(model, "sha256", len(BLANK_SHA256))


def signature_place(model: bytes) -> slice:
    """Where the 128 digits of the signature are in the file.

    Raises:
        ContractError: there are none.
    """
    return _digits_place(model, "signature", len(BLANK_SIGNATURE))


def _digits_place(model: bytes, field: str, count: int) -> slice:
    """The digits behind the first `"field":"` of the contract."""
    start, length = find_contract(model) or (0, 0)
    mark = f'"{field}":"'.encode()
    found = model.find(mark, start, start + length - count)
    first = found + len(mark)
    if found < 0:
        raise ContractError(f"The contract is wrong (no {field}): convert the network again.")
    return slice(first, first + count)


def blanked_sha256(model: bytes, *places: slice) -> str:
    """SHA-256 over the file with a 0 for each byte of these places, which ascend."""
    digest, rest = hashlib.sha256(), 0
    for place in places:
        digest.update(model[rest : place.start])
        digest.update(b"0" * (place.stop - place.start))
        rest = place.stop
    digest.update(model[rest:])
    return digest.hexdigest()


# Field numbers, as `tables.read` says.
_MODEL_BUFFERS, _MODEL_METADATA = 4, 6
_METADATA_NAME, _METADATA_BUFFER = 0, 1
_BUFFER_DATA = 0


def find_contract(model: bytes) -> tuple[int, int] | None:
    """Offset and length of the contract's bytes in a .tflite file, or None without one.

    Raises:
        ModelFileError: not a TensorFlow Lite file, or a damaged one.
    """
    found = find_metadata(model, METADATA_NAME)
    if found is not None and found[1] > MAX_BYTES:
        raise ModelFileError(
            f"Expected a contract of at most {MAX_BYTES} bytes, got {found[1]}: the file is "
            "damaged or made to do harm."
        )
    return found


def find_metadata(model: bytes, name: str) -> tuple[int, int] | None:
    """As `find_contract`, of any metadata entry."""
    return tables.read(model, lambda root: _find_metadata(root, name))


def _find_metadata(root: tables.Table, name: str) -> tuple[int, int] | None:
    entries = tables.children(root, _MODEL_METADATA)
    entry = next((each for each in entries if tables.has_text(each, _METADATA_NAME, name)), None)
    if entry is None:
        return None
    index = tables.scalar(entry, _METADATA_BUFFER, "I")
    return tables.span(tables.child_at(root, _MODEL_BUFFERS, index), _BUFFER_DATA)
