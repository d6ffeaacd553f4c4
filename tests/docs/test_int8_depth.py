"""docs/int8-depth.md: its table, what is measured again, and the usual conversion."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import pytest
from keras import layers

from docs.scripts import measure_int8_depth as measuring
from docs.scripts.stock_ptq import stock_depth, stock_int8
from docs.scripts.zoo_latency import digest
from tfl_depth.converters.graph import read_graph
from tfl_depth.runtime.engines.interpreter import open_interpreter
from tfl_depth.tables import with_table

SIZE = (32, 48)
WAYS = {(w, c) for w in ("per_channel", "per_tensor") for c in ("usual", "tfl-depth")}


def test_the_page_shows_the_result_file() -> None:
    page = measuring.PAGE.read_text(encoding="utf-8")
    assert with_table(page, "int8-depth", measuring.table(measuring.read_rows())) == page


def test_rows_are_of_the_checkpoints_in_the_zoo() -> None:
    """`python -m docs.scripts.measure_int8_depth` measures them again."""
    digests = {each.name: digest(each.path) for each in measuring.zoo_checkpoints()}
    rows = [row for row in measuring.read_rows() if row["zoo"]]
    assert {row["network"]: row["sha256"] for row in rows}.items() <= digests.items()
    ways = [(row["network"], row["weights"], row["converter"]) for row in rows]
    assert len(set(ways)) == len(ways)
    assert {way[1:] for way in ways if way[0] == "lite0-nyu-192x256"} == WAYS


def test_networks_with_rows_to_come_are_named() -> None:
    (row, *_) = measuring.read_rows()
    rows = [
        {**row, "network": checkpoint.name, "weights": weights, "converter": converter}
        for checkpoint in measuring.zoo_checkpoints()
        for weights, converter in sorted(WAYS)
    ]
    assert measuring.unfinished(rows) == []
    assert "Not measured" not in measuring.table(rows)
    assert measuring.unfinished(rows[1:]) == ["`lite0-nyu`"]
    assert measuring.table(rows[1:]).endswith("Not measured in every way yet: `lite0-nyu`.\n")


def test_only_what_is_missing_or_of_another_checkpoint_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "lite0-nyu-192x256"
    document = json.loads(measuring.FIGURES.read_text(encoding="utf-8"))
    first, *_, last = (row for row in document["rows"] if row["network"] == name)
    kept = [row for row in document["rows"] if row not in (first, last)]
    figures, page = tmp_path / "figures.json", tmp_path / "page.md"
    rows = [{**first, "sha256": "another"}, *kept]
    figures.write_text(json.dumps({**document, "rows": rows}), encoding="utf-8")
    page.write_bytes(measuring.PAGE.read_bytes())
    asked = []

    def row(network: measuring.MeasuredNetwork, weights: str, converter: str) -> dict[str, Any]:
        asked.append((network.name, weights, converter))
        known = {(each["weights"], each["converter"]): each for each in (first, last)}
        return dict(known[weights, converter])

    monkeypatch.setattr(measuring, "FIGURES", figures)
    monkeypatch.setattr(measuring, "PAGE", page)
    monkeypatch.setattr(measuring.MeasuredNetwork, "row", row)
    assert measuring.main(["--data", str(tmp_path), name]) == 0
    ways = {(name, each["weights"], each["converter"]) for each in (first, last)}
    assert len(asked) == 2 and set(asked) == ways
    assert json.loads(figures.read_text()) == document
    assert page.read_text() == with_table(
        page.read_text(), "int8-depth", measuring.table(document["rows"])
    )


def test_networks_of_others_have_rows_behind_the_zoos(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their rows stay when only the zoo's are measured."""
    figures, page = tmp_path / "figures.json", tmp_path / "page.md"
    document = json.loads(measuring.FIGURES.read_text(encoding="utf-8"))
    rows = [row for row in document["rows"] if row["zoo"]]
    figures.write_text(json.dumps({**document, "rows": rows}), encoding="utf-8")
    page.write_bytes(measuring.PAGE.read_bytes())
    trained = tmp_path / "trained"
    trained.mkdir()
    small_network(trained / "another.keras")
    (trained / "another.json").write_text(json.dumps({"dataset": "nyuv2", "epochs": 1}))

    def row(network: measuring.MeasuredNetwork, weights: str, converter: str) -> dict[str, Any]:
        named = {"network": network.name, "weights": weights, "converter": converter}
        return {**rows[0], **named, "zoo": False, "sha256": network.sha256}

    monkeypatch.setattr(measuring, "FIGURES", figures)
    monkeypatch.setattr(measuring, "PAGE", page)
    monkeypatch.setattr(measuring.MeasuredNetwork, "row", row)
    both = ["--data", str(tmp_path), "--trained", str(trained)]
    assert measuring.main([*both, "another"]) == 0
    assert measuring.main(["--data", str(tmp_path), "none of these"]) == 0
    written = json.loads(figures.read_text())["rows"]
    assert [each for each in written if each["zoo"]] == rows
    others = [each for each in written if not each["zoo"]]
    assert {(each["weights"], each["converter"]) for each in others} == WAYS
    assert {each["sha256"] for each in others} == {digest(trained / "another.keras")}
    lines = measuring.table(written).splitlines()
    assert [line.startswith("| `another` |") for line in lines[-4:]] == [True] * 4


def small_network(path: Path) -> keras.Model:
    """From brightness to depth, through a kernel whose channels differ by a hundred."""
    keras.utils.set_random_seed(0)
    pixels = keras.Input((*SIZE, 3))
    x = layers.Rescaling(1 / 255)(pixels)
    spread = layers.Conv2D(8, 3, 2, padding="same", activation="relu6")
    x = spread(x)
    kernel = np.random.default_rng(0).uniform(0, 0.2, (3, 3, 3, 8))
    spread.set_weights([kernel * np.geomspace(0.01, 1, 8), np.zeros(8)])
    model = keras.Model(pixels, layers.Conv2D(1, 1, kernel_initializer="ones")(x))
    model.save(path)
    return model


@pytest.fixture(scope="module")
def photos() -> list[npt.NDArray[np.uint8]]:
    rng = np.random.default_rng(1)
    return [rng.integers(0, 256, (*SIZE, 3), np.uint8) for _ in range(8)]


@pytest.mark.parametrize("per_channel", [True, False])
def test_the_usual_conversion_is_int8_from_end_to_end(
    per_channel: bool, photos: list[npt.NDArray[np.uint8]], tmp_path: Path
) -> None:
    network = small_network(tmp_path / "model.keras")
    model = stock_int8(tmp_path / "model.keras", photos, per_channel=per_channel)
    details = open_interpreter(model, xnnpack=False).get_tensor_details()
    assert {detail["dtype"] for detail in details} <= {np.int8, np.int32}
    read_graph(model)
    scales = max(
        len(detail["quantization_parameters"]["scales"])
        for detail in details
        if detail["dtype"] == np.int8
    )
    assert scales == (8 if per_channel else 1)
    expected = network.predict_on_batch(np.stack(photos).astype(np.float32))[..., 0]
    found = np.stack(list(stock_depth(model, 100.0, photos)))
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() < 0.03 * np.ptp(expected)
    cut = np.stack(list(stock_depth(model, float(np.median(expected)), photos)))
    np.testing.assert_array_equal(cut, np.minimum(found, np.float32(np.median(expected))))
