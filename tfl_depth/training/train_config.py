"""The recipe of a training run: a small JSON file, one for each entry of the zoo."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from tfl_depth.data import DatasetName
from tfl_depth.losses import LossName
from tfl_depth.models.encoders import EncoderName

# What `start` may say instead of naming a checkpoint.
IMAGENET = "imagenet"
RANDOM = "random"

# bfloat16 has the range of float32, so that its gradients need no scaling, as float16's would.
DtypePolicy = Literal["float32", "mixed_bfloat16"]

_JSON_TYPES: dict[type, tuple[type, ...]] = {int: (int,), float: (int, float), str: (str,)}


@dataclass(frozen=True)
class TrainConfig:
    """Everything that decides a training run but the data itself.

    Attributes:
        dataset: a name in `tfl_depth.data.DATASETS`; trained on its split "train".
        report_split: what the model card shows the metrics of. The best epoch is chosen on "val".
        encoder: a name in `tfl_depth.models.encoders.ENCODERS`.
        start: "imagenet", "random", or a .keras file of the same network, relative to the recipe.
        height, width: of the network's input, in pixels.
        loss: a name in `tfl_depth.losses.LOSSES`.
        teachers: .keras files, relative to the recipe, whose depth is learned beside the truth.
        teacher_share: 0 to 1, of the loss: how much the teachers' depth counts; 0 without any.
        mixed_share: 0 to 1, of the images: those that are mixed with another one. Nobody knows
            their true depth, the teachers alone say what they show; 0 without any.
        max_zoom: how much a crop is enlarged at most; each axis of the crop is 1/zoom as long.
        zoom_share: 0 to 1, the share of the images that are cropped at all.
        min_zoom: above 0 to 1, how small an image is shown at least, inside a border.
        shrunken_share: 0 to 1, the share of the images that are shown smaller.
        drop_path, dropout: rates, of the encoder's residual branches and the decoder's features.
        epochs: of each cycle of the learning rate, at whose end it reaches zero.
        patience_epochs: end after so many epochs without a better one; 0 = never.
        batch_size: images, over all hosts together.
        learning_rate: at the peak of each cycle, after its `warmup_epochs`.
        encoder_rate: above 0 to 1, the share of the learning rate that the encoder's weights get.
        weight_decay: of convolution kernels, as AdamW takes it.
        ema_momentum: of the moving average of the weights, which is what is measured and kept.
        dtype_policy: "float32", or "mixed_bfloat16" for accelerators that compute in it.
        seed: of everything random.
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
        """Epochs of all cycles."""
        return sum(self.epochs)

    @classmethod
    def load(cls, path: Path) -> TrainConfig:
        """Read a recipe; every field must be there and no other.

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
        for name in ("patience_epochs", "weight_decay", "warmup_epochs"):
            expect(name, getattr(self, name) >= 0, "0 or more")
        for name in ("drop_path", "dropout", "ema_momentum"):
            expect(name, 0 <= getattr(self, name) < 1, "from 0 to below 1")
        expect("encoder_rate", 0 < self.encoder_rate <= 1, "above 0, to 1")
        for name in ("zoom_share", "shrunken_share", "teacher_share", "mixed_share"):
            expect(name, 0 <= getattr(self, name) <= 1, "from 0 to 1")
        for name in ("teacher_share", "mixed_share"):
            expect(name, bool(self.teachers) or not getattr(self, name), "0 without teachers")
        expect("max_zoom", self.max_zoom >= 1, "1 or more")
        expect("min_zoom", 0 < self.min_zoom <= 1, "above 0, to 1")
        shortest = min(self.epochs)
        expect("warmup_epochs", self.warmup_epochs < shortest, f"below {shortest} epochs")


def _read(path: Path, name: str, kind: Any, value: Any) -> Any:
    """Return a field's value from JSON; lists become tuples."""
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
    return isinstance(value, _JSON_TYPES[kind]) and not isinstance(value, bool)
