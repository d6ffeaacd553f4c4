"""The recipe of a training run: a small JSON file, one for each entry of the zoo."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from tfl_depth.data import DatasetName
from tfl_depth.losses import LossName
from tfl_depth.models.encoders import EncoderName

# Values of `start` that are not the path of a checkpoint.
IMAGENET = "imagenet"
RANDOM = "random"

# bfloat16 has the range of float32. float16 is missing since its gradients would need scaling.
DtypePolicy = Literal["float32", "mixed_bfloat16"]

_JSON_TYPES: dict[type, tuple[type, ...]] = {
    bool: (bool,),
    int: (int,),
    float: (int, float),
    str: (str,),
}


@dataclass(frozen=True)
class TrainConfig:
    """All settings of a training run.

    Attributes:
        dataset: a name in `tfl_depth.data.DATASETS`. Its split "train" is for training.
        report_split: split of the metrics in the model card. The best epoch is chosen on "val".
        encoder: a name in `tfl_depth.models.encoders.ENCODERS`.
        start: "imagenet", "random", or a .keras file of the same network, relative to the recipe;
            for "efficientnet_lite0_short" and "pico" also of "efficientnet_lite0".
        height, width: of the network's input, in pixels.
        loss: a name in `tfl_depth.losses.LOSSES`.
        teachers: .keras files, relative to the recipe. Their depth is learned in addition to the
            true depth.
        teacher_share: weight of the teachers' depth in the loss, 0 to 1; 0 without teachers.
        mixed_share: share of the images that are mixed with another image, 0 to 1. Their true depth
            is unknown, so only the teachers' depth is learned; 0 without teachers.
        max_zoom: the largest enlargement of a crop. Each side of the crop is 1/zoom of the image's.
        zoom_share: share of the images that are cropped, 0 to 1.
        min_zoom: the smallest factor of an image that is shown smaller, above 0 to 1.
        shrunken_share: share of the images that are shown smaller, 0 to 1.
        repeated_epochs: number of epochs whose images, with the teachers' depth, are kept in memory
            and repeated; 0 = every epoch has images of its own.
        frozen_batch_norm: whether batch normalization keeps the statistics of the start network, as
            when the network is used. Otherwise each batch has its own during training, and the
            scale of depth is the less certain, the smaller the batch.
        drop_path, dropout: rates, of the encoder's residual branches and the decoder's features.
        epochs: length of each cycle of the learning rate, which is zero at its end.
        patience_epochs: number of epochs without improvement after which training ends; 0 = never.
        batch_size: number of images, over all hosts together.
        learning_rate: the peak of each cycle, after its `warmup_epochs`.
        encoder_rate: ratio of the encoder's learning rate to the decoder's, above 0 to 1.
        weight_decay: of the kernels of convolutions, as for AdamW.
        ema_momentum: of the moving average of the weights and of batch normalization's statistics.
            The average is measured and kept.
        dtype_policy: "float32", or "mixed_bfloat16" for accelerators with bfloat16.
        seed: of all random numbers.
    """

    dataset: DatasetName
    report_split: str
    encoder: EncoderName
    start: str
    height: int
    width: int
    loss: LossName
    teachers: tuple[str, ...]
    teacher_share: float
    mixed_share: float
    max_zoom: float
    zoom_share: float
    min_zoom: float
    shrunken_share: float
    repeated_epochs: int
    frozen_batch_norm: bool
    drop_path: float
    dropout: float
    epochs: tuple[int, ...]
    patience_epochs: int
    batch_size: int
    learning_rate: tuple[float, ...]
    encoder_rate: float
    weight_decay: float
    warmup_epochs: float
    ema_momentum: float
    dtype_policy: DtypePolicy
    seed: int

    @property
    def total_epochs(self) -> int:
        """Number of epochs of all cycles."""
        return sum(self.epochs)

    @property
    def starts_from_file(self) -> bool:
        """Whether `start` is a .keras file."""
        return self.start not in (IMAGENET, RANDOM)

    @classmethod
    def load(cls, path: Path) -> TrainConfig:
        """Read a recipe. It must have every field and no other.

        Raises:
            OSError: no such file.
            ValueError: not JSON, or fields missing, unknown, of another type or out of range.
        """
        values = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(values, dict):
            raise ValueError(f"Expected {path} to hold a JSON object.")
        types = get_type_hints(cls)
        if set(values) != set(types):
            missing, unknown = sorted(set(types) - set(values)), sorted(set(values) - set(types))
            raise ValueError(
                f"Expected {path} to hold {', '.join(types)}; missing: {missing}, "
                f"unknown: {unknown}."
            )
        recipe = cls(**{name: _read(path, name, types[name], values[name]) for name in types})
        recipe._check(path)
        return recipe

    def _check(self, path: Path) -> None:
        def expect(name: str, holds: bool, expected: str) -> None:
            if not holds:
                value = getattr(self, name)
                raise ValueError(f"Expected {name} in {path} to be {expected}, got {value!r}.")

        for name in ("height", "width", "batch_size"):
            expect(name, getattr(self, name) > 0, "positive")
        for name in ("epochs", "learning_rate"):
            expect(name, min(getattr(self, name), default=0) > 0, "a list of positive numbers")
        cycles = len(self.epochs)
        expect("learning_rate", len(self.learning_rate) == cycles, f"{cycles} numbers, as epochs")
        for name in ("repeated_epochs", "patience_epochs", "weight_decay", "warmup_epochs"):
            expect(name, getattr(self, name) >= 0, "0 or more")
        for name in ("drop_path", "dropout", "ema_momentum"):
            expect(name, 0 <= getattr(self, name) < 1, "from 0 to below 1")
        expect("encoder_rate", 0 < self.encoder_rate <= 1, "above 0, to 1")
        for name in ("zoom_share", "shrunken_share", "teacher_share", "mixed_share"):
            expect(name, 0 <= getattr(self, name) <= 1, "from 0 to 1")
        for name in ("teacher_share", "mixed_share"):
            expect(name, bool(self.teachers) or not getattr(self, name), "0 without teachers")
        started = self.starts_from_file or not self.frozen_batch_norm
        expect("frozen_batch_norm", started, "false without a start")
        expect("max_zoom", self.max_zoom >= 1, "1 or more")
        expect("min_zoom", 0 < self.min_zoom <= 1, "above 0, to 1")
        shortest = min(self.epochs)
        expect("warmup_epochs", self.warmup_epochs < shortest, f"below {shortest} epochs")


def _read(path: Path, name: str, kind: Any, value: Any) -> Any:
    """Return a field's value from JSON, with lists as tuples."""
    arguments = get_args(kind)
    if get_origin(kind) is Literal:
        fits, expected = value in arguments, f"one of {', '.join(arguments)}"
    elif get_origin(kind) is tuple:
        (item, _) = arguments
        fits = isinstance(value, list) and all(_is(item, each) for each in value)
        expected = f"a list of {item.__name__}"
    else:
        fits, expected = _is(kind, value), kind.__name__
    if not fits:
        raise ValueError(f"Expected {name} in {path} to be {expected}, got {value!r}.")
    return tuple(value) if isinstance(value, list) else value


def _is(kind: type, value: Any) -> bool:
    return isinstance(value, _JSON_TYPES[kind]) and isinstance(value, bool) == (kind is bool)
