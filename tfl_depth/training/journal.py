"""The log of a run after each epoch: a table, TensorBoard events, and learning curves."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from tensorboardX import SummaryWriter

from tfl_depth.chart_style import COLORS, SMALL, WIDTH, chart_png, styled
from tfl_depth.files import write_whole
from tfl_depth.training.run_folder import reading

# Files of a run.
LOG = "log.csv"
CURVES = "curves.png"
EVENTS = "tensorboard"
# Title of each learning curve, and the function that returns its best value.
CURVES_SHOWN: dict[str, tuple[str, Callable[[list[float]], float]]] = {
    "loss": ("training loss", min),
    "val_abs_rel": ("abs_rel of validation (less is better)", min),
    "val_delta1": ("delta1 of validation (more is better)", max),
}
BEST: dict[str, Any] = {"fontsize": SMALL, "fontweight": "normal", "color": COLORS[1]}


class Journal:
    """The epochs of a run, including those before an interruption.

    Args:
        run: the run's folder, for `log.csv`, `curves.png` and `tensorboard/`.
        first_epoch: the next epoch, from 0. Rows of it or of later epochs are dropped: an
            interrupted run wrote them before it had saved its state.
    """

    def __init__(self, run: Path, first_epoch: int) -> None:
        self._run = run
        self._rows = _read_log(run / LOG, first_epoch)
        self._events: SummaryWriter | None = None

    def add(self, epoch: int, values: Mapping[str, float]) -> None:
        """Log an epoch, counted from 0. The names of the values are the same in every epoch."""
        self._rows.append({"epoch": str(epoch), **{k: f"{v:.6g}" for k, v in values.items()}})
        self._write_log()
        write_whole(self._run / CURVES, _curves(self._rows))
        if self._events is None:
            # TensorBoard then hides events of this epoch or later ones from an interrupted run.
            self._events = SummaryWriter(str(self._run / EVENTS), purge_step=epoch)
        for name, value in values.items():
            self._events.add_scalar(name.replace("val_", "val/"), value, epoch)
        self._events.flush()

    def close(self) -> None:
        """Close the event file."""
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


@styled
def _curves(rows: list[dict[str, str]]) -> bytes:
    """A PNG: the loss, and below it the two usual validation metrics."""
    epochs = [int(row["epoch"]) + 1 for row in rows]
    figure = Figure(figsize=(WIDTH, 8), layout="constrained")
    panels = figure.subplots(3, sharex=True)
    for panel, (name, (title, best_of)) in zip(panels, CURVES_SHOWN.items(), strict=True):
        values = [float(row[name]) for row in rows]
        panel.plot(epochs, values, color=COLORS[0])
        best = best_of(values)
        epoch = epochs[values.index(best)]
        panel.plot(epoch, best, "o", color=COLORS[1])
        panel.set_title(title)
        panel.set_title(f"best {best:.4g} in epoch {epoch}", loc="right", **BEST)
        panel.grid()
    panels[-1].set_xlabel("epoch")
    panels[-1].xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
    return chart_png(figure)
