"""What a conversion says of itself: five lines for `print`, one for `repr`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tfl_depth.converters.conversion import Conversion

# A larger share of pixels that are more than half a span off is no rounding (docs/deploy.md).
MOST_OVER_HALF_A_SPAN = 0.003


def summary(conversion: Conversion) -> str:
    """Verdict, median, 95 %, size and placement, a line each."""
    measured = conversion.contract.verification
    rows = {
        "verdict": _verdict(conversion),
        "median": f"{measured['median_mm']:.1f} mm from the network in FP32, on "
        f"{measured['images']} photos that did not calibrate",
        "95 %": f"{measured['p95_mm']:.1f} mm",
        "size": _size(conversion),
        "placement": _placement(conversion),
    }
    return "\n".join(f"{name:<10} {text}" for name, text in rows.items())


def one_line(conversion: Conversion) -> str:
    """Size, range, median and target."""
    contract = conversion.contract
    median = f", median {found:.1f} mm" if (found := contract.verification.get("median_mm")) else ""
    reach = f"{contract.edges_m[0]:g}-{contract.max_depth_m:g} m"
    return f"<Conversion {_size(conversion)}, {reach}{median}, for {conversion.target}>"


def _verdict(conversion: Conversion) -> str:
    over = conversion.contract.verification["wrap_share"]
    if over > MOST_OVER_HALF_A_SPAN:
        return f"CHECK: {over:.1%} of the pixels are off by half a span: choose another recipe."
    if conversion.warnings:
        first, *others = conversion.warnings
        return f"CHECK: {first}" + (f" ({len(others)} more in `warnings`)" if others else "")
    return "PASS"


def _size(conversion: Conversion) -> str:
    contract = conversion.contract
    megabytes = len(conversion.model) / 1e6
    return f"{contract.precision} {contract.height}x{contract.width}, {megabytes:.2f} MB"


def _placement(conversion: Conversion) -> str:
    if conversion.placed is None:
        return "cpu: runs on every processor"
    placement = conversion.placed.placement
    time = placement.milliseconds
    estimated = "" if time is None else f", {time:.1f} ms as its compiler estimates"
    return f"{conversion.target}: {placement.on_npu}{estimated}"
