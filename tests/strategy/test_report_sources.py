"""The part of the report on the sources of the error."""

from __future__ import annotations

from dataclasses import replace

from tests.strategy.small_study import results
from tfl_depth.strategy.report_sources import SHOWN_OPERATORS, sources_part


def test_the_part_has_the_figures_and_the_pictures() -> None:
    text = "\n".join(sources_part(results({"fp32": 0.1})))
    assert "weights per channel 5.0 mm" in text
    assert (
        "with 1 of 2 kernels in float" in text and "| `one` | CONV_2D | 8.0 mm | 1.0 mm |" in text
    )
    assert "| 10 m | 1.0 mm | 2.0 mm | 3.0 mm |" in text
    assert [name for name in ("budget", "layers", "ranges") if f"({name}.png)" in text] == [
        "budget",
        "layers",
        "ranges",
    ]


def test_long_lists_of_kernels_are_cut() -> None:
    found = results({"fp32": 0.1})
    names = [f"a/{number}" for number in range(SHOWN_OPERATORS + 3)]
    kernels = replace(
        found.sensitivity.kernels["per_tensor"],
        alone_mm=dict.fromkeys(names, 1.0),
        to_mend=tuple(names),
    )
    sensitivity = replace(
        found.sensitivity,
        kinds={**dict.fromkeys(names, "CONV_2D"), "a/one": "CONV_2D"},
        kernels={"per_channel": kernels, "per_tensor": kernels},
    )
    text = "\n".join(sources_part(replace(found, sensitivity=sensitivity)))
    assert "and 3 more." in text
    assert text.count("| CONV_2D |") == SHOWN_OPERATORS
