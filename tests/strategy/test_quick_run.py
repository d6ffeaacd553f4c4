"""The laboratory: its measures on what is known, and a whole quick run on a small network."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from tests.real_data import real_data
from tests.synthetic_data import slope, write_frame
from tfl_depth.models.depth_net import depth_net
from tfl_depth.recipes import RECIPES
from tfl_depth.strategy import lab as lab_module
from tfl_depth.strategy.banding import banding, plane_residual
from tfl_depth.strategy.heads import NEAREST_M, heads, hilbert_curve
from tfl_depth.strategy.report import write_report
from tfl_depth.strategy.rows import BEST_OF_ST1, PHASES, ROWS
from tfl_depth.tools.strategy import main

SIZE = (64, 96)
ROOT = Path(__file__).resolve().parent.parent


# Measures


def plane(far_m: float = 3.0) -> np.ndarray:
    row = np.linspace(1, far_m, 48, dtype=np.float32)
    return np.tile(row, (32, 1)) + np.linspace(0, 0.4, 32, dtype=np.float32)[:, None]


def test_a_plane_lies_on_its_plane_and_a_step_does_not() -> None:
    inner = (slice(4, -4), slice(4, -4))
    assert plane_residual(plane())[inner].max() < 1e-5
    stepped = np.where(np.arange(48) < 24, 1.0, 1.5) * np.ones((32, 1))
    residual = plane_residual(stepped)
    assert residual[10, 23] > 0.1 and residual[10, 5] < 1e-6


def test_a_window_s_residual_is_that_of_least_squares() -> None:
    rng = np.random.default_rng(0)
    depth = rng.normal(2, 0.3, (7, 7))
    y, x = np.mgrid[-3:4, -3:4]
    basis = np.stack([np.ones(49), x.ravel(), y.ravel()], axis=1)
    solved, *_ = np.linalg.lstsq(basis, depth.ravel(), rcond=None)
    expected = np.sqrt(np.square(basis @ solved - depth.ravel()).mean())
    assert plane_residual(depth)[3, 3] == pytest.approx(expected, rel=1e-6)


def test_banding_grows_with_the_step_and_levels_fall() -> None:
    def stepped(step_m: float) -> np.ndarray:
        return np.rint(plane() / step_m) * step_m

    fine, coarse = (banding([plane()], [stepped(step)]) for step in (0.004, 0.04))
    assert fine.planar_share > 0.5
    assert coarse.residual_mm > 5 * fine.residual_mm > 5 * fine.float_residual_mm
    assert coarse.levels < fine.levels


# Other heads


@pytest.mark.parametrize("name", ["longer", "log", "seed", "hilbert"])
def test_a_head_reads_what_it_writes(name: str) -> None:
    head = heads(10.0)[name]
    depth_m = np.linspace(NEAREST_M, 9.99, 4000, dtype=np.float32).reshape(40, 100)
    values = head.encode(depth_m)
    assert set(values) == set(head.outputs)
    for way, decode in head.decode.items():
        np.testing.assert_allclose(decode(values), depth_m, atol=0.01, err_msg=way)


def test_rounding_mends_the_coarse_step_of_the_seed_s_heads_and_breaks_at_a_metre() -> None:
    head = heads(15.0)["seed"]
    values = head.encode(np.array([[4.3]], np.float32))
    values["integer"] = values["integer"] + np.float32(0.3 / 15)
    assert head.decode["sum"](values) == pytest.approx(4.6, abs=1e-4)
    assert head.decode["round"](values) == pytest.approx(4.3, abs=1e-4)
    values["integer"] = values["integer"] + np.float32(0.3 / 15)
    assert head.decode["round"](values) == pytest.approx(5.3, abs=1e-4)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_a_hilbert_curve_steps_from_cell_to_cell_through_all(order: int) -> None:
    cells = hilbert_curve(order) * 2**order - 0.5
    assert len({tuple(cell) for cell in cells.round(6)}) == 4**order
    np.testing.assert_allclose(np.abs(np.diff(cells, axis=0)).sum(axis=1), 1)


@pytest.mark.parametrize("name", ["longer", "log", "seed", "hilbert"])
def test_a_head_s_loss_is_least_at_the_truth(name: str) -> None:
    head = heads(10.0)[name]
    rng = np.random.default_rng(1)
    true = rng.uniform(0.5, 9.5, (2, 8, 8, 1)).astype(np.float32)
    right = {key: value.astype(np.float32) for key, value in head.encode(true).items()}
    wrong = {key: value + np.float32(0.05) for key, value in right.items()}
    at_truth = float(head.loss(true, right))
    assert at_truth == pytest.approx(0, abs=1e-3)
    assert float(head.loss(true, wrong)) > at_truth + 1e-3


# Rows


def test_rows_have_names_of_their_own_and_ask_for_what_there_is() -> None:
    assert len({row.name for row in ROWS}) == len(ROWS)
    assert {row.phase for row in ROWS} == set(PHASES)
    assert {row.recipe for row in ROWS} <= {*RECIPES, BEST_OF_ST1}
    assert set(RECIPES) <= {row.recipe for row in ROWS}


# A whole run


def run(folder: Path, checkpoint: Path, *more: str) -> int:
    named = {"dataset": "pairs", "data": folder / "data", "output": folder / "report"}
    words = [word for key, value in named.items() for word in (f"--{key}", str(value))]
    return main(["--checkpoint", str(checkpoint), *words, "--work", str(folder / "work"), *more])


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which a small random network was taken through a quick run."""
    folder = tmp_path_factory.mktemp("strategy")
    rng = np.random.default_rng(0)
    for split, count in (("train", 20), ("val", 4)):
        for kind in ("rgb", "depth"):
            (folder / "data" / split / kind).mkdir(parents=True)
        for number in range(count):
            depth_mm = slope((96, 144), rng.uniform(500, 4000))
            lit = 250 - depth_mm[..., None] / 25 + rng.normal(0, 8, (*depth_mm.shape, 3))
            rgb = np.clip(lit, 0, 255).astype(np.uint8)
            write_frame(folder / "data" / split, f"{number}", rgb, depth_mm)
    model = depth_net("pico", SIZE)
    zoo = keras.saving.load_model(ROOT / "zoo" / "pico-nyu-192x256" / "model.keras", compile=False)
    model.set_weights(zoo.get_weights())
    model.save(folder / "small.keras")
    assert run(folder, folder / "small.keras", "--quick", "--max-depth", "10") == 0
    return folder


@pytest.mark.slow
def test_a_quick_run_writes_a_report_with_every_part(quick: Path) -> None:
    report = (quick / "report" / "README.md").read_text()
    results = json.loads((quick / "report" / "small" / "results.json").read_text())
    rows = results["rows"]
    for name in ("fp32", "int8, per tensor", "split, per channel", "learned, per tensor"):
        assert name in rows
    assert rows["fp32"]["change"]["abs_rel"]["relative"] == 0
    assert rows["fp32"]["fidelity"]["max_mm"] < 1
    assert rows["split, per channel"]["npu"]["ethos-u65-512"]["cpu_operators"] == 0
    assert rows["fp32"]["npu"]["ethos-u65-512"]["milliseconds"] is None
    assert rows["split, per channel"]["fidelity"]["wrap_share"] == 0
    for phase, question in PHASES.items():
        assert (question in report) == any(row["phase"] == phase for row in rows.values())
    for picture in ("trajectory", "budget", "ranges", "layers", "scene"):
        assert f"small/{picture}.png" in report
        assert (quick / "report" / "small" / f"{picture}.png").stat().st_size > 5000


@pytest.mark.slow
def test_the_budget_adds_up(quick: Path) -> None:
    budget = json.loads((quick / "report" / "small" / "results.json").read_text())["budget"]
    for sources in budget["sources"].values():
        medians = {name: each["fidelity"]["median_mm"] for name, each in sources.items()}
        assert medians["weights"] > 0 and medians["feature maps"] > 0
        assert medians["weights and feature maps"] < 2 * (
            medians["weights"] + medians["feature maps"]
        )
    steps = {
        float(max_depth_m): each["one output"]["output step"]["fidelity"]["max_mm"]
        for max_depth_m, each in budget["ranges"].items()
    }
    for max_depth_m, largest_mm in steps.items():
        # Half a step of 255 over the range.
        assert largest_mm <= 1000 * max_depth_m / 255 / 2 + 0.01


@pytest.mark.slow
def test_a_second_run_measures_nothing_anew(quick: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = (quick / "report" / "small" / "results.json").read_bytes()

    def refuse(*_: Any, **__: Any) -> Any:
        raise AssertionError("measured again")

    for name in ("measure", "attribute", "budget"):
        monkeypatch.setattr(lab_module, name, refuse)
    assert run(quick, quick / "small.keras", "--quick", "--max-depth", "10") == 0
    assert (quick / "report" / "small" / "results.json").read_bytes() == before
    with pytest.raises(AssertionError, match="measured again"):
        run(quick, quick / "small.keras", "--quick", "--max-depth", "12")


def test_the_report_says_what_the_results_beside_it_say(tmp_path: Path) -> None:
    report = ROOT / "docs" / "strategy"
    for path in report.glob("*/results.json"):
        (tmp_path / path.parent.name).mkdir()
        (tmp_path / path.parent.name / path.name).write_bytes(path.read_bytes())
    assert write_report(tmp_path).read_text() == (report / "README.md").read_text()


def test_a_range_that_whole_metres_do_not_divide_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "some.keras").touch()
    assert run(tmp_path, tmp_path / "some.keras") == 1
    assert "got 1000: say another with --max-depth" in capsys.readouterr().err


@pytest.mark.slow
def test_a_quick_run_on_real_images(tmp_path: Path) -> None:
    data = real_data("nyuv2")
    checkpoint = ROOT / "zoo" / "lite0-nyu-192x256" / "model.keras"
    options = ["--checkpoint", str(checkpoint), "--dataset", "nyuv2", "--data", str(data)]
    options += ["--output", str(tmp_path), "--work", str(tmp_path / "work"), "--quick"]
    assert main(options) == 0
    folder = tmp_path / "lite0-nyu-192x256"
    rows = json.loads((folder / "results.json").read_text())["rows"]
    medians = {name: row["fidelity"]["median_mm"] for name, row in rows.items()}
    assert medians["learned, per tensor"] < 0.5 * medians["split, per tensor"]
    assert medians["learned, per channel"] < medians["split, per channel"]
