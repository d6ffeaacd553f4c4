"""The contract: the description inside a .tflite file, all that a runtime needs to run it.

It is JSON in the flatbuffer metadata entry `TFL_DEPTH` (docs/contract.md). It has a SHA-256 over
the whole file: a changed file is detected before native code reads it. It also has space for a
signature (tfl_depth/format/signing.py). tfl_depth/format/contract_place.py finds it in the file.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any, get_args

from tfl_depth.encoding import MAX_SAMPLES, MAX_SPANS, Spans
from tfl_depth.errors import ContractError, ModelFileError
from tfl_depth.format.contract_parts import (
    MAX_COUNT,
    Calibration,
    Fit,
    GoldenSpread,
    HeadKind,
    Normalization,
    Precision,
    Source,
    TrainedCamera,
    ZoomResponse,
    calibration,
    golden_spread,
    normalization,
    source,
    trained_camera,
)
from tfl_depth.format.contract_place import (
    BLANK_SHA256,
    BLANK_SIGNATURE,
    MAX_BYTES,
    METADATA_NAME,
    blanked_sha256,
    digest_place,
    find_compiled_operator,
    find_contract,
)
from tfl_depth.format.fields import Fields, parse_object

__all__ = [
    "FITS",
    "HEADS",
    "METADATA_NAME",
    "PRECISIONS",
    "RULES",
    "VERSION",
    "Calibration",
    "Contract",
    "GoldenSpread",
    "HeadKind",
    "Normalization",
    "Precision",
    "Source",
    "TrainedCamera",
    "ZoomResponse",
    "read_contract",
]

VERSION = 3
# Version 2 has no camera, and all its files stretch the frame.
READ_VERSIONS = (2, 3)
# The largest height or width of the input, in pixels.
MAX_SIDE = 2**14

HEADS: dict[HeadKind, tuple[str, ...]] = {"split": ("integer", "fractional"), "single": ("depth",)}
RULES: dict[HeadKind, str] = {"split": "folded", "single": "linear"}
COLOR_ORDER, PIXEL_RANGE = "rgb", [0, 255]
PRECISIONS: tuple[Precision, ...] = get_args(Precision)
FITS: tuple[Fit, ...] = get_args(Fit)


@dataclass(frozen=True, repr=False)
class Contract:
    """How to feed the model and how to read it.

    Attributes:
        tool: name and version that wrote the file.
        precision: one of `PRECISIONS`.
        head: "split" (outputs `integer` and `fractional`) or "single" (output `depth`).
        edges_m: span edges of the split, or (0, maximum depth) of the single head, in meters.
        input_name: signature name of the input. It takes RGB pixels 0 to 255: minus 128 if it is
            int8, unchanged if it is float32.
        height, width: of the input, in pixels.
        normalization: the network's own. It is part of the model and for information only.
        calibration: None for float32.
        verification: what the converter measured on the finished file (see docs/contract.md).
        curves_m: depth inside each span of the split, as in `Spans`; None: linear.
        source: None if it is not known.
        golden: None for a file without golden vectors.
        recipe: the recipe that prepared the network for quantization (tfl_depth/recipes.py); None
            for float32.
        fit: how calibration fitted a frame to the input's aspect ratio: one of `FITS`.
        camera: the camera that the network was trained for; None: unknown.
    """

    tool: str
    precision: Precision
    head: HeadKind
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
    fit: Fit = "stretch"
    camera: TrainedCamera | None = None

    def __repr__(self) -> str:
        return f"<Contract {self.in_short}, by {self.tool}>"

    @property
    def in_short(self) -> str:
        """Precision, size, head and range: int8 192x256, split, 0-10 m."""
        size = f"{self.height}x{self.width}"
        return f"{self.precision} {size}, {self.head}, {self.edges_m[0]:g}-{self.max_depth_m:g} m"

    @property
    def output_names(self) -> tuple[str, ...]:
        """Signature names of the outputs."""
        return HEADS[self.head]

    @property
    def spans(self) -> Spans:
        """The depth intervals of the split; one interval for the single head."""
        return Spans(self.edges_m, self.curves_m)

    @property
    def max_depth_m(self) -> float:
        """The largest depth that the model can output, in meters."""
        return self.edges_m[-1]

    @property
    def fingerprint(self) -> str:
        """An id that a model and its compiled files share: 64 hexadecimal digits."""
        return hashlib.sha256(self.to_json(BLANK_SHA256)).hexdigest()

    def to_json(self, sha256: str) -> bytes:
        """Serialize, with `sha256` (64 hexadecimal digits) as the file's digest."""
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
                "fit": self.fit,
                "camera": asdict(self.camera) if self.camera else None,
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
            ContractError: the version is not supported, a field is missing or not as in
                docs/contract.md, or it asks for something that is not implemented.
        """
        return _contract(_fields(text))


def _fields(text: bytes) -> Fields:
    """Parse a contract and check its version, and no other field.

    Raises:
        ContractError: the version is not supported, or it is not a contract.
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
    if type(version) is not int or version not in READ_VERSIONS:
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
    """Build the contract; errors as in `Contract.from_json`."""
    try:
        return _checked(fields)
    except ValueError as error:
        raise ContractError(
            f"The contract is wrong ({error}): convert the network again."
        ) from error


def _checked(fields: Fields) -> Contract:
    fields.digits("sha256", len(BLANK_SHA256))
    fields.digits("signature", len(BLANK_SIGNATURE))
    head: HeadKind = fields.one_of("head", HeadKind)
    fields.expect("outputs", {name: name for name in HEADS[head]})
    source_fields, calibration_fields, golden_fields = map(
        fields.object_or_none, ("source", "calibration", "golden")
    )
    spans = _spans(fields.object("decoding"), head)
    fields.expect("max_depth_m", spans.max_depth_m)
    return Contract(
        tool=fields.text("tool"),
        precision=fields.one_of("precision", Precision),
        head=head,
        edges_m=spans.edges_m,
        curves_m=spans.curves_m,
        calibration=None if calibration_fields is None else calibration(calibration_fields),
        verification=_verification(fields),
        source=None if source_fields is None else source(source_fields),
        golden=None if golden_fields is None else golden_spread(golden_fields),
        recipe=None if fields.value("recipe") is None else fields.text("recipe"),
        **_input(fields.object("input")),
        **({} if fields.value("version") == 2 else _view(fields.object("input"))),
    )


def _spans(decoding: Fields, head: HeadKind) -> Spans:
    decoding.expect("rule", RULES[head])
    edges_m = decoding.numbers("edges_m", MAX_SPANS + 1)
    curves_m = None
    if decoding.value("curves_m") is not None:
        curves_m = tuple(decoding.lists_of_numbers("curves_m", MAX_SPANS, MAX_SAMPLES))
    spans = Spans(edges_m, curves_m)
    if head == "single" and (spans.count != 1 or spans.edges_m[0] != 0 or curves_m is not None):
        raise ValueError("expected the decoding of a single head to be one linear range from 0")
    decoding.expect("codes_per_span", spans.codes_per_span)
    return spans


def _input(pixels: Fields) -> dict[str, Any]:
    pixels.expect("color_order", COLOR_ORDER)
    pixels.expect("pixel_range", PIXEL_RANGE)
    return {
        "input_name": pixels.text("name"),
        "height": pixels.whole("height", 1, MAX_SIDE),
        "width": pixels.whole("width", 1, MAX_SIDE),
        "normalization": normalization(pixels.object("normalization")),
    }


def _view(pixels: Fields) -> dict[str, Any]:
    """Read the fields that version 3 added: the fit of the frame, and the camera."""
    camera = pixels.object_or_none("camera")
    return {
        "fit": pixels.one_of("fit", Fit),
        "camera": None if camera is None else trained_camera(camera),
    }


# The fields of `verification` that commands show, if present.
_MEASURED_MM = ("median_mm", "mean_mm", "p95_mm", "max_mm", "wrap_share")


def _verification(fields: Fields) -> dict[str, Any]:
    measured = fields.object("verification")
    for name in _MEASURED_MM:
        if name in measured:
            measured.number(name, least=0)
    if "images" in measured:
        measured.whole("images", 0, MAX_COUNT)
    return fields.plain("verification")


def _why_digest_differs(model: bytes) -> str:
    operator = find_compiled_operator(model)
    if operator is None:
        return (
            "The file is damaged or was changed after conversion (its SHA-256 differs): copy it "
            "again, or convert the network again."
        )
    return (
        f"A compiler changed the file (operator {operator[:40]!r}), and the digest in its contract "
        "is still the old one (its SHA-256 differs). Compile with tfl-depth convert --target, or "
        "write the digest as in docs/targets.md. If you did that, the file is damaged: copy it "
        "again."
    )


def read_contract(model: bytes) -> Contract:
    """Find the contract in a .tflite file and check the file against its digest.

    Raises:
        ModelFileError: not a TensorFlow Lite file, or one that was changed after it was written.
        ContractError: it has no contract, or one of another version.
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
        raise ModelFileError(_why_digest_differs(model))
    return _contract(fields)
