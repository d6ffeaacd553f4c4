"""What a run writes down after each epoch: a table, TensorBoard events, and learning curves."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from tensorboardX import SummaryWriter

from tfl_depth.evaluation.charts import chart_png
from tfl_depth.files import write_whole
from tfl_depth.training.run_folder import reading

# In a run's folder.
LOG = "log.csv"
CURVES = "curves.png"
EVENTS = "tensorboard"


class Journal:
    """The epochs of a run, those of before an interruption included.

    Args:
        run: the run's folder; `log.csv`, `curves.png` and `tensorboard/` are written there.
        first_epoch: the next to come, from 0. What was written of it or later ones, by a run that
            was cut short before it had saved its state, is dropped.
    """

    def __init__(self, run: Path, first_epoch: int) -> None:
        self._run = run
        self._rows = _read_log(run / LOG, first_epoch)
        self._events: SummaryWriter | None = None

    def add(self, epoch: int, values: Mapping[str, float]) -> None:
        """Write down an epoch, counted from 0, with the same names each time."""
        self._rows.append({"epoch": str(epoch), **{k: f"{v:.6g}" for k, v in values.items()}})
        self._write_log()
        write_whole(self._run / CURVES, _curves(self._rows))
        if self._events is None:
            # TensorBoard then hides what an interrupted run has written of this epoch or later.
            self._events = SummaryWriter(str(self._run / EVENTS), purge_step=epoch)
        for name, value in values.items():
            self._events.add_scalar(name.replace("val_", "val/"), value, epoch)
        self._events.flush()

    def close(self) -> None:
        """End the event file."""
        if self._events is not None:
            self._events.close()

    def _write_log(self) -> None:
        text = io.StringIO()
        writer = csv.DictWriter(text, fieldnames=list(self._rows[0]))
        writer.writeheader()
        writer.writerows(self._rows)
        write_whole(self._run / LOG, text.getvalue().encode())


def _read_log(path: Path, first_epoch: int) -> list[dict[str, str]]:
    if not path.exists():
        return []
    with reading(path), path.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if int(row["epoch"]) < first_epoch]
        for row in rows:
            [float(value) for value in row.values()]  # all are numbers
        return rows


def _curves(rows: list[dict[str, str]]) -> bytes:
    """A PNG: the loss, and below it the two validation metrics that people quote first."""
    epochs = [int(row["epoch"]) + 1 for row in rows]
    figure = Figure(figsize=(7, 7), layout="constrained")
    panels = figure.subplots(3, sharex=True)
    for panel, name, label in zip(
        panels,
        ("loss", "val_abs_rel", "val_delta1"),
        ("training loss", "abs_rel, val (less is better)", "delta1, val (more is better)"),
        strict=True,
    ):
        values = [float(row[name]) for row in rows]
        panel.plot(epochs, values, marker=".", color="tab:blue")
        best = (max if name == "val_delta1" else min)(values)
        panel.axhline(best, color="tab:gray", linewidth=0.8, linestyle="--")
        panel.annotate(f"best {best:.4f}", (epochs[0], best), va="bottom", color="tab:gray")
        panel.set_title(label, loc="left", fontsize=10)
        panel.grid(alpha=0.3)
    panels[-1].set_xlabel("epoch")
    panels[-1].xaxis.set_major_locator(MaxNLocator(integer=True))
    return chart_png(figure)
