"""tools/export: a model's table as a C header, which a processor without floating point reads."""

from __future__ import annotations

import json
import platform
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.support import ramp
from tests.support.c_programs import COMPILERS, compile_c, run_c
from tfl_depth.encoding import Decoder
from tfl_depth.format.c_table import DECODER_HEADER
from tfl_depth.format.contract import read_contract
from tfl_depth.format.signing import new_key_pair
from tfl_depth.tools import export

NAMES = ("15m-1m", "80m-growing")
# Floating point is an error of the compiler then.
WITHOUT_FLOATS = ("-mgeneral-regs-only",) if platform.machine() in ("x86_64", "aarch64") else ()
MAIN = """
#include <stdio.h>
#include "{name}.h"

static int8_t integer[65536], fractional[65536];
static TFL_DEPTH_MM mm[65536];

int main(void)
{{
    for (int k = 0; k < 65536; ++k) {{
        integer[k] = (int8_t)(k / 256 - 128);
        fractional[k] = (int8_t)(k % 256 - 128);
    }}
    if ({name}_decode(integer, fractional, 65536, mm) != {bad}) return 1;
    fwrite(mm, sizeof mm, 1, stdout);
    return 0;
}}
"""


def models_to_export(models: Path) -> list[Path]:
    straight = [models / ramp.file_name(name) for name in NAMES]
    return [*straight, models / ramp.curve_file_name("sigmoid", "per-channel")]


@pytest.mark.parametrize("compiler", COMPILERS)
def test_the_table_decodes_as_the_runtime_without_floating_point(
    compiler: str, models: Path, tmp_path: Path
) -> None:
    for k, model in enumerate(models_to_export(models)):
        name, header = f"net{k}", tmp_path / f"net{k}.h"
        assert export.main(["c", str(model), "--output", str(header)]) == 0
        decoder = Decoder(read_contract(model.read_bytes()).spans)
        bad = np.count_nonzero(~decoder.agrees)
        source = MAIN.format(name=name, bad=bad)
        written = run_c(compile_c(compiler, tmp_path, source, *WITHOUT_FLOATS, "-O2"))
        found = np.frombuffer(written, decoder.depth_mm.dtype)
        np.testing.assert_array_equal(found, decoder.depth_mm)


def test_writes_beside_the_model_with_names_that_c_takes(
    net: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = tmp_path / "0 größe.v2.tflite"
    shutil.copy(net, model)
    assert export.main(["c", str(model), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    header = tmp_path / "0 größe.v2.h"
    assert report["files"] == [str(header), str(tmp_path / "tfl_depth.h")]
    assert f"{report['name']}_levels_mm" in header.read_text()
    assert report["name"].isascii() and report["name"].isidentifier()
    assert (tmp_path / "tfl_depth.h").read_bytes() == DECODER_HEADER.read_bytes()


@pytest.mark.parametrize(
    ("model", "options", "said"),
    [
        (ramp.file_name("10m-1m", "single"), (), "Expected an int8 model with the outputs"),
        (ramp.file_name("10m-1m", precision="float32"), (), "got float32"),
        ("net.tflite", ("--name", "a-b"), "Expected a C identifier"),
        ("net.tflite", ("--output", "{tmp}/tfl_depth.h"), "Expected another name"),
        ("net.tflite", ("--public-key", "{tmp}/key.pem"), "not signed"),
        ("net-no-contract.tflite", (), "contract"),
    ],
)
def test_what_has_no_table_is_refused(
    model: str,
    options: tuple[str, ...],
    said: str,
    models: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "key.pem").write_bytes(new_key_pair()[1])
    given = ("--output", "{tmp}/table.h", *options)
    arguments = [each.format(tmp=tmp_path) for each in given]
    assert export.main(["c", str(models / model), *arguments]) == 1
    assert said in capsys.readouterr().err
    assert list(tmp_path.glob("*.h")) == []
