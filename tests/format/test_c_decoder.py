"""tfl_depth.h gives what Python's decoder gives, for all 65,536 pairs of codes."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pytest

from tests.support.c_programs import COMPILERS, compile_c, run_c
from tfl_depth.encoding import MAX_SPANS, Decoder, Spans
from tfl_depth.format.c_table import DECODER_HEADER

# One depth for each kind of span; curves of 2 to 256 samples, and of unlike lengths.
GROWING = tuple(0.3 + 0.11 * k + 0.017 * k**2 for k in range(16))
SPANS = {
    "uniform": Spans.uniform(15),
    "half meters": Spans.uniform(10, 0.5),
    "thirds": Spans.uniform(10, 10 / 30),
    "one": Spans((0.25, 4.0)),
    "most": Spans(tuple(0.4 * k for k in range(MAX_SPANS + 1))),
    "growing": Spans(GROWING),
    "centimeters": Spans.uniform(0.2, 0.05),
    "halves": Spans((0.0, 0.1275, 0.3825)),
    "curved": Spans(
        (0.5, 1.25, 3.0, 9.0),
        (
            (0.5, 0.7, 1.25),
            (*np.geomspace(1.25, 3.0, 256)[:-1], 3.0),
            tuple(3 + 6 * (k / 16) ** 3 for k in range(17)),
        ),
    ),
    "far": Spans((0.0, 20.0, 65.535)),
}
FAR = Spans((1.0, 65.5355, 4294967.295))
MAIN = """
#include <stdio.h>
{define}
#include "tfl_depth.h"

static tfl_depth_decoder decoder;
static int8_t integer[65536], fractional[65536];
static TFL_DEPTH_MM whole_mm[65536], mm[65536];
static uint8_t bad[65536];

static int compare(tfl_depth_status status)
{{
    size_t total, sum = 0;
    if (status != TFL_DEPTH_OK) return 1;
    for (int k = 0; k < 65536; ++k) {{
        integer[k] = (int8_t)(k / 256 - 128);
        fractional[k] = (int8_t)(k % 256 - 128);
        bad[k] = (uint8_t)tfl_depth_decode(&decoder, integer + k, fractional + k, 1, mm + k);
        sum += bad[k];
    }}
    total = tfl_depth_decode(&decoder, integer, fractional, 65536, whole_mm);
    if (total != sum) return 2;
    for (int k = 0; k < 65536; ++k) if (whole_mm[k] != mm[k]) return 3;
    fwrite(mm, sizeof mm, 1, stdout);
    fwrite(bad, sizeof bad, 1, stdout);
    return 0;
}}

int main(void)
{{
    int status = 0;
{body}
    return status;
}}
"""


class Table(NamedTuple):
    """Of all pairs, 256 * integer + fractional."""

    depth_mm: npt.NDArray[np.unsignedinteger]
    agrees: npt.NDArray[np.bool_]


def c_array(values: tuple[float, ...]) -> str:
    return "{" + ", ".join(value.hex() for value in map(float, values)) + "}"


def init(spans: Spans) -> str:
    """A block of C that decodes all pairs with these spans."""
    if spans.curves_m is None:
        call = f"tfl_depth_init(&decoder, edges_m, {spans.count})"
        return (
            f"{{ const double edges_m[] = {c_array(spans.edges_m)}; status |= compare({call}); }}"
        )
    samples = ", ".join(str(len(curve)) for curve in spans.curves_m)
    curves = c_array(tuple(value for curve in spans.curves_m for value in curve))
    return (
        f"{{ const double curves_m[] = {curves}; const size_t samples[] = {{{samples}}}; "
        f"status |= compare(tfl_depth_init_curve(&decoder, curves_m, samples, {spans.count})); }}"
    )


def decode_in_c(compiler: str, folder: Path, sets: list[Spans], mm: str) -> list[Table]:
    """What the compiled header makes of all pairs, for each of the spans."""
    define = "" if mm == "uint16" else f"#define TFL_DEPTH_MM {mm}_t"
    body = "\n".join(map(init, sets))
    written = run_c(compile_c(compiler, folder, MAIN.format(define=define, body=body)))
    size = np.dtype(mm).itemsize
    record = np.dtype([("mm", mm, 65536), ("bad", np.uint8, 65536)])
    assert len(written) == len(sets) * 65536 * (size + 1)
    found = np.frombuffer(written, record)
    return [Table(row["mm"], row["bad"] == 0) for row in found]


@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize("mm", ["uint16", "uint32"])
def test_c_decodes_as_python(compiler: str, mm: str, tmp_path: Path) -> None:
    sets = list(SPANS.values()) if mm == "uint16" else [FAR, SPANS["curved"]]
    for spans, table in zip(sets, decode_in_c(compiler, tmp_path, sets, mm), strict=True):
        decoder = Decoder(spans)
        np.testing.assert_array_equal(table.depth_mm, decoder.depth_mm)
        np.testing.assert_array_equal(table.agrees, decoder.agrees)
        assert 0 < np.count_nonzero(table.agrees) < 65536


REFUSED = """
    const double infinity = HUGE_VAL, none = infinity - infinity;
    const int8_t code = 0;
    const double falls[] = {0, 2, 1}, below[] = {-1, 1}, far[] = {0, 65.5356};
    const double nan[] = {0, none}, endless[] = {0, infinity}, gap[] = {0, 1, 1.5, 2};
    const double good[] = {0, 1, 2};
    const size_t two[] = {2, 2}, one[] = {1, 2};
    status |= tfl_depth_init(&decoder, good, 0) != TFL_DEPTH_BAD_SPANS;
    status |= tfl_depth_init(&decoder, good, 128) != TFL_DEPTH_BAD_SPANS;
    status |= tfl_depth_init(&decoder, falls, 2) != TFL_DEPTH_BAD_METERS;
    status |= tfl_depth_init(&decoder, below, 1) != TFL_DEPTH_BAD_METERS;
    status |= tfl_depth_init(&decoder, nan, 1) != TFL_DEPTH_BAD_METERS;
    status |= tfl_depth_init(&decoder, far, 1) != TFL_DEPTH_TOO_FAR;
    status |= tfl_depth_init(&decoder, endless, 1) != TFL_DEPTH_TOO_FAR;
    status |= tfl_depth_init_curve(&decoder, gap, two, 2) != TFL_DEPTH_BAD_METERS;
    status |= tfl_depth_init_curve(&decoder, good, one, 2) != TFL_DEPTH_BAD_SAMPLES;
    status |= tfl_depth_init(&decoder, good, 2) != TFL_DEPTH_OK;
    status |= tfl_depth_init(&decoder, falls, 2) == TFL_DEPTH_OK;
    mm[0] = 1;
    status |= tfl_depth_decode(&decoder, &code, &code, 1, mm) != 1 || mm[0] != 0;
    (void)compare;
"""


@pytest.mark.parametrize("compiler", COMPILERS)
def test_wrong_numbers_are_refused_and_give_no_depth(compiler: str, tmp_path: Path) -> None:
    run_c(compile_c(compiler, tmp_path, MAIN.format(define="#include <math.h>", body=REFUSED)))


@pytest.mark.skipif(shutil.which("g++") is None, reason="there is no C++ compiler")
def test_cpp_takes_the_header(tmp_path: Path) -> None:
    (tmp_path / "use.cpp").write_text('#include "tfl_depth.h"\ntfl_depth_decoder decoder;\n')
    include = ["-I", str(DECODER_HEADER.parent)]
    options = ["-std=c++11", "-Wall", "-Wextra", "-Werror", "-fsyntax-only"]
    subprocess.run(["g++", *options, *include, str(tmp_path / "use.cpp")], check=True)
