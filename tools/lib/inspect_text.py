"""The text of `tfl-depth inspect`: the results of `model_report` as rows with titles."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from tfl_depth.intrinsics import Intrinsics

Row = tuple[str, str]
HEAVIEST = 8
_MEASURED = {"images", "median_mm", "mean_mm", "p95_mm", "max_mm", "wrap_share"}


class Section(NamedTuple):
    """A title, and rows of names and values."""

    title: str
    rows: Sequence[Row]


def sections(report: dict[str, Any]) -> Iterator[Section]:
    """All sections about a model."""
    yield Section("model", [*_model_rows(report)])
    if "costs" not in report:
        return
    contract = report["contract"]
    if contract is not None:
        yield Section("depth", [*_depth_rows(contract, report["steps_mm"])])
        yield Section("how it was made", [*_making_rows(contract)])
        yield Section("against the network in FP32", [*_verification_rows(contract)])
    yield Section("trust", [*_trust_rows(report)])
    yield Section("what it computes", [*_graph_rows(report)])
    yield Section("the heaviest operators, by MACs", [*_heaviest_rows(report)])
    yield Section("the file", [*_size_rows(report)])


def sections_text(shown: Iterable[Section]) -> str:
    """Sections as lines of text."""
    lines: list[str] = []
    for section in shown:
        lines += [*([""] if lines else []), section.title]
        lines += [f"  {name:<17} {text}" for name, text in section.rows]
    return "\n".join(lines)


def _model_rows(report: dict[str, Any]) -> Iterator[Row]:
    yield "file", f"{report['model']} ({report['bytes'] / 1e6:.2f} MB)"
    yield from (("input", _spec_text(spec)) for spec in report["inputs"])
    if report.get("input_range") is not None:
        yield "input range", f"{_range_text(report['input_range'])} for pixels 0 to 255"
    yield from (("output", _spec_text(spec)) for spec in report["outputs"])
    yield "parameters", count_text(report["parameters"])
    yield "MACs", count_text(report["macs"])


def _depth_rows(contract: dict[str, Any], steps_mm: Sequence[float] | None) -> Iterator[Row]:
    edges_m = contract["decoding"]["edges_m"]
    heads = ", ".join(contract["outputs"])
    yield "precision", contract["precision"]
    yield "head", f"{contract['head']} ({heads})"
    yield "range", f"{edges_m[0]:g} to {edges_m[-1]:g} m"
    if contract["head"] == "split":
        listed = ", ".join(f"{edge:g}" for edge in edges_m)
        curved = ", curved" if contract["decoding"]["curves_m"] else ""
        yield "spans", f"{len(edges_m) - 1}{curved}, edges at {listed} m"
    yield "fit", contract["input"]["fit"]
    yield "trained camera", trained_camera_text(contract["input"])
    if steps_mm is not None:
        low, high = (f"{each:.2f}" for each in (min(steps_mm), max(steps_mm)))
        yield "step", f"{low} mm" if low == high else f"{low} to {high} mm"


def trained_camera_text(pixels: dict[str, Any]) -> str:
    """The camera of a contract's `input` and its field of view, or "unknown"."""
    found = pixels["camera"]
    if found is None:
        return "unknown"
    lens = Intrinsics(*(found[name] for name in ("fx", "fy", "cx", "cy")))
    across, down = lens.field_of_view((pixels["height"], pixels["width"]))
    return (
        f"fx {lens.fx:.1f}, fy {lens.fy:.1f}, cx {lens.cx:.1f}, cy {lens.cy:.1f} pixels of the "
        f"input, field of view {across:.1f} x {down:.1f} degrees; {_response_text(found)}"
    )


def _response_text(camera: dict[str, Any]) -> str:
    """Whether depth follows the focal length."""
    measured = camera["zoom_response"]
    if measured is None:
        return "whether depth follows the focal length was not measured"
    shown = ", ".join(
        f"{response:.2f} at zoom {zoom:g}"
        for zoom, response in zip(measured["zooms"], measured["response"], strict=True)
    )
    follows = "follows" if measured["obeys"] else "does not follow"
    return f"depth {follows} the focal length ({shown}; 1 follows)"


def _making_rows(contract: dict[str, Any]) -> Iterator[Row]:
    calibration = contract["calibration"]
    yield "tool", contract["tool"]
    if contract["precision"] != "float32":
        yield "recipe", contract["recipe"] or "not noted"
    source = contract["source"]
    if source is not None:
        yield "source", f"{source['format']}, computed by {source['framework']}"
        yield "import", f"differs by {source['import_difference_mm']:.3f} mm at most"
    if calibration is None:
        yield "calibration", "none"
    else:
        yield "calibration", f"{calibration['images']} images, seed {calibration['seed']}"
        yield "", f"SHA-256 {calibration['sha256']}"


def _verification_rows(contract: dict[str, Any]) -> Iterator[Row]:
    measured = contract["verification"]
    if not measured.keys() >= _MEASURED:
        yield "verification", "none"
        return
    # Any program may have written these values: the runtime does not use or check them.
    images, median, mean, p95, largest = (
        _number(measured.get(name), form)
        for name, form in (
            ("images", "g"),
            *((name, ".1f") for name in ("median_mm", "mean_mm", "p95_mm", "max_mm")),
        )
    )
    yield "images", f"{images}, none of them calibrated with"
    yield "median, mean", f"{median}, {mean} mm"
    yield "95 %, largest", f"{p95}, {largest} mm"
    yield "over half a span", f"{_number(measured.get('wrap_share'), '.3%')} of pixels"


def _number(value: Any, form: str) -> str:
    """A number as text, or "?" if it is not a number."""
    return format(value, form) if type(value) in (int, float) else "?"


def _trust_rows(report: dict[str, Any]) -> Iterator[Row]:
    contract = report["contract"]
    if contract is None:
        yield "contract", "none: `tfl-depth convert` did not make this file"
        return
    yield "SHA-256", f"{contract['sha256']}, right"
    yield "signature", _signature_text(report)
    golden = contract["golden"]
    if golden is None:
        yield "golden vectors", "none: `tfl-depth prove` cannot prove its depth"
        return
    yield "golden vectors", f"{golden['images']} photos; correct kernels differ on them by"
    yield (
        "",
        (
            f"{golden['median_mm']:.1f} mm in the median, {golden['p95_mm']:.1f} mm at 95 %, "
            f"{golden['max_mm']:.1f} mm at most"
        ),
    )


def _signature_text(report: dict[str, Any]) -> str:
    if not report["signed"]:
        return "none"
    return "by this key" if report["signature_is_right"] else "there is one; --public-key checks it"


def _graph_rows(report: dict[str, Any]) -> Iterator[Row]:
    operators, tensors = report["operators"], report["tensors"]
    yield "operators", f"{sum(operators.values())}"
    yield from (("", f"{count:4} {kind}") for kind, count in operators.items())
    types = ", ".join(f"{count} {name}" for name, count in tensors["types"].items())
    yield "tensors", f"{sum(tensors['types'].values())}: {types}"
    yield "largest tensor", bytes_text(tensors["largest_bytes"])


def _heaviest_rows(report: dict[str, Any]) -> Iterator[Row]:
    costs = [cost for cost in report["costs"] if cost["macs"]]
    if not costs or report["macs"] is None:
        yield "unknown", "a compiler has packed operators into one, or a size is open"
        return
    for cost in sorted(costs, key=lambda cost: cost["macs"], reverse=True)[:HEAVIEST]:
        yield f"{cost['macs'] / report['macs']:.1%}", cost_text(cost)


def _size_rows(report: dict[str, Any]) -> Iterator[Row]:
    titles = {"weights": "weights", "golden": "golden vectors", "contract": "contract"}
    for part, size in report["sizes"].items():
        yield titles.get(part, "the rest"), bytes_text(size)


def _range_text(ranges: Sequence[Sequence[float]]) -> str:
    """The range of all colors, or the range of each color if they differ."""
    different = dict.fromkeys(f"{low:g} to {high:g}" for low, high in ranges)
    texts = (
        [*different] if len(different) == 1 else [f"{low:g} to {high:g}" for low, high in ranges]
    )
    return ", ".join(texts)


def _spec_text(spec: dict[str, Any]) -> str:
    shape = "x".join("?" if side is None else str(side) for side in spec["shape"])
    return f"{spec['name']} {shape} {spec['dtype']}"


def cost_text(cost: dict[str, Any]) -> str:
    """An operator and the shape of its output."""
    return f"{cost['kind']} to {'x'.join(map(str, cost['shape']))}"


def count_text(count: int | None) -> str:
    """A number with separators of thousands."""
    return "unknown" if count is None else f"{count:,}"


def bytes_text(size: int) -> str:
    """A number of bytes."""
    return f"{size} bytes" if size < 1024 else f"{size / 1024:,.1f} KiB"
