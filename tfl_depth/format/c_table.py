"""A model's table of millimeters as a C header, for processors without floating point."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tfl_depth.encoding import CODES, Spans, depth_dtype
from tfl_depth.errors import ContractError, OutputError
from tfl_depth.format.contract import Contract

__all__ = ["DECODER_HEADER", "c_table", "expect_identifier"]

# The C99 decoder, which a table includes.
DECODER_HEADER = Path(__file__).resolve().parents[1] / "include" / "tfl_depth.h"
IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
ON_A_LINE = 12
HEADER = """\
/*
 * Millimeters at each place of each span of a model, written by `tfl-depth export c`.
 * SHA-256 of the model: {sha256}
 */
#ifndef {guard}_DEPTH_TABLE_H
#define {guard}_DEPTH_TABLE_H

#ifndef TFL_DEPTH_MM
#define TFL_DEPTH_MM {mm}
#endif
#include "tfl_depth.h"

#define {guard}_SPANS {spans}
#define {guard}_MAX_DEPTH_MM {max_depth_mm}

/* An error here: tfl_depth.h was included with a TFL_DEPTH_MM that is too small for this model. */
typedef char {name}_needs_{mm}[sizeof(TFL_DEPTH_MM) >= sizeof({mm}) ? 1 : -1];

static const TFL_DEPTH_MM {name}_levels_mm[{guard}_SPANS * 256] = {{
{levels}
}};

/* Decodes n pixels and returns how many are inconsistent: see tfl_depth_decode_levels. */
static inline size_t {name}_decode(const int8_t *integer, const int8_t *fractional, size_t n,
                                   TFL_DEPTH_MM *mm)
{{
    return tfl_depth_decode_levels({name}_levels_mm, {guard}_SPANS, integer, fractional, n, mm);
}}

#endif
"""


def c_table(contract: Contract, sha256: str, name: str) -> str:
    """Write the header of a model's table.

    Args:
        contract: the model's.
        sha256: of the model file, in hexadecimal.
        name: a C identifier, the prefix of the header's names.

    Raises:
        ContractError: the model does not have two int8 outputs.
        OutputError: `name` is not a C identifier.
    """
    expect_identifier(name)
    if (contract.precision, contract.head) != ("int8", "split"):
        raise ContractError(
            "Expected an int8 model with the outputs `integer` and `fractional`, got "
            f"{contract.precision} with the head `{contract.head}`: convert it with --int8 "
            "and --head split."
        )
    spans = contract.spans
    return HEADER.format(
        sha256=sha256,
        guard=name.upper(),
        name=name,
        mm=f"{depth_dtype(spans)}_t",
        spans=spans.count,
        max_depth_mm=round(1000 * spans.max_depth_m),
        levels="\n".join(_lines(spans)),
    )


def expect_identifier(name: str) -> None:
    """Refuse a name that is not a C identifier.

    Raises:
        OutputError: it is not one.
    """
    if IDENTIFIER.fullmatch(name) is None:
        raise OutputError(f"Expected a C identifier for --name (letters, digits, _), got {name!r}.")


def _lines(spans: Spans) -> Iterator[str]:
    """Yield the table's values span by span, with a comment before each span."""
    for n, levels_mm in enumerate(np.rint(1000 * spans.levels_m).astype(np.int64)):
        yield f"    /* span {n}: {spans.edges_m[n]:g} to {spans.edges_m[n + 1]:g} m */"
        for begin in range(0, CODES + 1, ON_A_LINE):
            values = ", ".join(map(str, levels_mm[begin : begin + ON_A_LINE]))
            yield f"    {values},"
