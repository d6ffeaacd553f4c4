"""The contract: what a .tflite file says of itself, so that a runtime needs nothing else.

It is JSON in the flatbuffer metadata entry `TFL_DEPTH` (docs/contract.md) and carries a SHA-256
over the whole file, so that a changed file is known before native code reads it, and room for a
signature (tfl_depth/signing.py).
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any

from tfl_depth import tflite_tables as tables
from tfl_depth.encoding import Spans
from tfl_depth.errors import ContractError, ModelFileError

METADATA_NAME = "TFL_DEPTH"
VERSION = 1
# Far more than any contract has: JSON of 16 MB would take seconds to read.
MAX_BYTES = 1 << 18
# Stands in the file where the digest goes while the digest is computed.
BLANK_SHA256 = "0" * 64
# Stands where a signature goes while there is none.
BLANK_SIGNATURE = "0" * 128

HEADS = {"split": ("integer", "fractional"), "single": ("depth",)}
PRECISIONS = ("int8", "int16x8", "float32")


@dataclass(frozen=True)
class Calibration:
    """What the quantisation ranges were measured on.

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
    """How far correct kernels lie apart on the model's golden vectors (tfl_depth/golden.py).

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
        input_name: signature name of the input, which takes RGB pixels 0 to 255.
        height, width: of the input, in pixels.
        pixel_scale, pixel_offset: the network's own normalisation, pixel * scale + offset. It is
            part of the model and for information only.
        calibration: None for float32.
        verification: what the converter measured on the finished file (see docs/contract.md).
        golden: None for a file without golden vectors.
        recipe: what was done to the network before it was quantised (tfl_depth/recipes.py); None
            for float32, and in files from before it was noted.
    """

    tool: str
    precision: str
    head: str
    edges_m: tuple[float, ...]
    input_name: str
    height: int
    width: int
    pixel_scale: float
    pixel_offset: float
    calibration: Calibration | None
    verification: dict[str, Any]
    golden: GoldenSpread | None = None
    recipe: str | None = None

    @property
    def output_names(self) -> tuple[str, ...]:
        """Signature names of the outputs."""
        return HEADS[self.head]

    @property
    def spans(self) -> Spans:
        """The intervals that the split counts; one for the single head."""
        return Spans(self.edges_m)

    @property
    def max_depth_m(self) -> float:
        """The farthest depth that the model can say, in metres."""
        return self.edges_m[-1]

    def to_json(self, sha256: str) -> bytes:
        """Serialise, with `sha256` (64 hexadecimal digits) as the file's digest."""
        spans = self.spans
        document = {
            "version": VERSION,
            "sha256": sha256,
            "signature": BLANK_SIGNATURE,
            "tool": self.tool,
            "precision": self.precision,
            "recipe": self.recipe,
            "input": {
                "name": self.input_name,
                "height": self.height,
                "width": self.width,
                "colour_order": "rgb",
                "pixel_range": [0, 255],
                "normalisation": {"scale": self.pixel_scale, "offset": self.pixel_offset},
            },
            "head": self.head,
            "outputs": {name: name for name in self.output_names},
            "decoding": {
                "rule": "folded" if self.head == "split" else "linear",
                "edges_m": list(self.edges_m),
                "codes_per_span": spans.codes_per_span,
            },
            "max_depth_m": self.max_depth_m,
            "calibration": asdict(self.calibration) if self.calibration else None,
            "verification": self.verification,
            "golden": asdict(self.golden) if self.golden else None,
        }
        return json.dumps(document, separators=(",", ":")).encode()

    @classmethod
    def from_json(cls, text: bytes) -> Contract:
        """Parse what `to_json` wrote.

        Raises:
            ContractError: another version, or a field missing or out of its range.
        """
        try:
            document = json.loads(text)
            version = document["version"]
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise ContractError("The contract is not readable: convert the model anew.") from error
        if version != VERSION:
            raise ContractError(
                f"Expected a contract of version {VERSION}, got {version!r}: install the tfl-depth "
                "that wrote the file, or convert the model anew with this one."
            )
        try:
            return cls._from_document(document)
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise ContractError(
                f"The contract is damaged ({error}): convert the model anew."
            ) from error

    @classmethod
    def _from_document(cls, document: dict[str, Any]) -> Contract:
        source, normalisation = document["input"], document["input"]["normalisation"]
        calibration = document["calibration"]
        # Files from before there were golden vectors lack the field, and so with the recipe.
        golden, recipe = document.get("golden"), document.get("recipe")
        contract = cls(
            tool=str(document["tool"]),
            precision=_one_of(document["precision"], PRECISIONS),
            head=_one_of(document["head"], tuple(HEADS)),
            edges_m=tuple(float(edge) for edge in document["decoding"]["edges_m"]),
            input_name=str(source["name"]),
            height=int(source["height"]),
            width=int(source["width"]),
            pixel_scale=float(normalisation["scale"]),
            pixel_offset=float(normalisation["offset"]),
            calibration=_calibration(calibration) if calibration else None,
            verification=dict(document["verification"]),
            golden=_golden(golden) if golden else None,
            recipe=recipe,
        )
        if not isinstance(recipe, str | None):
            raise ValueError(f"a recipe of {recipe!r}")
        if contract.height <= 0 or contract.width <= 0:
            raise ValueError(f"input of {contract.height} x {contract.width}")
        if contract.spans.codes_per_span != document["decoding"]["codes_per_span"]:
            raise ValueError("codes_per_span does not follow from edges_m")
        return contract


def _calibration(document: dict[str, Any]) -> Calibration:
    return Calibration(
        images=int(document["images"]), sha256=str(document["sha256"]), seed=int(document["seed"])
    )


def _golden(document: dict[str, Any]) -> GoldenSpread:
    return GoldenSpread(
        images=int(document["images"]),
        **{name: float(document[name]) for name in ("median_mm", "p95_mm", "max_mm")},
    )


def _one_of(value: Any, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        raise ValueError(f"expected one of {', '.join(allowed)}, got {value!r}")
    return str(value)


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
    contract = Contract.from_json(bytes(model[start : start + length]))
    place = digest_place(model)
    if model[place] != blanked_sha256(model, place).encode():
        raise ModelFileError(
            "The file is damaged or was changed after conversion (its SHA-256 differs): copy it "
            "anew, or convert the model anew."
        )
    return contract


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
    place = _digits_place(model, "sha256", len(BLANK_SHA256))
    if place is None:
        raise ContractError("The contract is damaged (no sha256): convert the model anew.")
    return place


def signature_place(model: bytes) -> slice | None:
    """Where the 128 digits of the signature are in the file; None before there was such a field."""
    return _digits_place(model, "signature", len(BLANK_SIGNATURE))


def _digits_place(model: bytes, field: str, count: int) -> slice | None:
    """The digits behind the first `"field":"` of the contract."""
    start, length = find_contract(model) or (0, 0)
    mark = f'"{field}":"'.encode()
    found = model.find(mark, start, start + length - count)
    first = found + len(mark)
    return None if found < 0 else slice(first, first + count)


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
