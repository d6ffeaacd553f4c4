"""From a row to what it asks for: a .tflite file, and the depth that it gives."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from tfl_depth.converters import convert
from tfl_depth.converters.prepare import INPUT_NAME, Network
from tfl_depth.converters.keras_quantize import to_tflite
from tfl_depth.converters.representative import read_pixels, with_extremes
from tfl_depth.files import whole_file
from tfl_depth.models.dual_head import PinnedRange
from tfl_depth.runtime import DepthRunner
from tfl_depth.runtime.interpreter import open_interpreter
from tfl_depth.runtime.preprocess import write_input
from tfl_depth.strategy.further import say, trained_further
from tfl_depth.strategy.heads import Head, heads
from tfl_depth.strategy.mixed import mixed_file, say_mixed
from tfl_depth.strategy.rows import CHECKPOINT, Row
from tfl_depth.strategy.subject import Grid, Pixels, Subject, depth_of

# What a file says of images of the network's size, in metres on its grid.
Say = Callable[[list[Pixels]], Iterator[Grid]]


@dataclass(frozen=True)
class Candidate:
    """What a row came to.

    Attributes:
        model: the .tflite file.
        say: its depth.
        reference: depth of the same network in float, on what is measured.
    """

    model: bytes
    say: Say
    reference: list[Grid]


class Candidates:
    """Makes candidates, and keeps what several rows share: networks that were trained further.

    Args:
        subject: what they are made of.
        work: a folder for those networks.
    """

    def __init__(self, subject: Subject, work: Path) -> None:
        self._subject, self._work = subject, work
        self._heads = heads(subject.max_depth_m)
        self._models: dict[str, keras.Model] = {}
        self._said: dict[str, Any] = {}

    def make(
        self, row: Row, layers: tuple[str, ...] | None, attribution: dict[str, Any]
    ) -> Candidate:
        """Make what a row asks for.

        Args:
            row: what to make.
            layers: those that its recipe works on; None: all.
            attribution: says where wider feature maps pay.
        """
        if row.network != CHECKPOINT:
            return self._with_head(row)
        if row.precision == "float16":
            content = self._float16()
            return Candidate(content, partial(_raw, content), self.checkpoint)
        subject = self._subject
        if row.precision == "mixed":
            model, _wide = mixed_file(subject, row, attribution["maps"])
            return Candidate(model, partial(say_mixed, model, subject), self.checkpoint)
        conversion = convert(
            keras.saving.load_model(subject.checkpoint, compile=False),
            images=subject.images(row.images, row.selection),
            spans=subject.spans,
            precision=row.precision,
            head=row.head,
            per_channel=row.per_channel,
            recipe=row.recipe if row.quantised else None,
            layers=layers,
            golden=False,
            progress=subject.progress,
        )
        return Candidate(conversion.model, partial(_as_users, conversion.model), self.checkpoint)

    @property
    def checkpoint(self) -> list[Grid]:
        """Depth of the checkpoint in float, on what is measured."""
        if CHECKPOINT not in self._said:
            subject = self._subject
            self._said[CHECKPOINT] = depth_of(subject.network.body, subject.inputs)
        said: list[Grid] = self._said[CHECKPOINT]
        return said

    def _float16(self) -> bytes:
        subject = self._subject
        model = subject.network.deployed(precision="float32", head="single", spans=subject.spans)
        return to_tflite(model, precision="float16", representative=lambda: iter(()))

    def _with_head(self, row: Row) -> Candidate:
        head, model = self._heads[row.network], self._model(row.network)
        decode = head.decode[row.head]
        reference = list(decode(self._said[row.network]))
        content = self._head_file(row, head, model)
        return Candidate(content, partial(_raw, content, decode=decode), reference)

    def _model(self, name: str) -> keras.Model:
        """A network that was trained further, this time or in a run before."""
        if name not in self._models:
            path = self._work / f"{name}.keras"
            if path.exists():
                model = keras.saving.load_model(path, compile=False)
            else:
                model = trained_further(self._subject, self._heads[name])
                with whole_file(path) as partial_file:
                    model.save(partial_file)
            self._models[name] = model
            self._said[name] = say(model, self._subject.inputs)
        return self._models[name]

    def _head_file(self, row: Row, head: Head, model: keras.Model) -> bytes:
        subject = self._subject
        images = subject.images(row.images, row.selection)
        normalisation = subject.network.normalisation
        network = Network(model, normalisation)

        def representative() -> Iterator[npt.NDArray[np.float32]]:
            for path in images.calibration:
                pixels = with_extremes(read_pixels(path, subject.size))
                yield network.as_input(pixels, row.precision)

        deployed = network.on_pixels()
        if row.quantised:
            pixels = keras.Input(model.inputs[0].shape[1:], 1, name=INPUT_NAME)
            inside = keras.Model(model.inputs, head.pinned(model.output))
            deployed = keras.Model(
                pixels, inside(PinnedRange(*normalisation.range, name="pixel_range")(pixels))
            )
        return to_tflite(
            _of_one(deployed),
            precision=row.precision,
            representative=representative,
            per_channel=row.per_channel,
        )


def _of_one(model: keras.Model) -> keras.Model:
    """The same for a batch of one."""
    pixels = keras.Input(batch_shape=(1, *model.inputs[0].shape[1:]), name=INPUT_NAME)
    return keras.Model(pixels, model(pixels))


def _as_users(model: bytes, photos: list[Pixels]) -> Iterator[Grid]:
    """Depth of a file with a contract, as its users get it."""
    with DepthRunner(model) as runner:
        for pixels in photos:
            depth_mm = runner.infer(pixels, size="model", channels="rgb")
            yield np.asarray(depth_mm / 1000, np.float32)


def _raw(
    model: bytes,
    photos: list[Pixels],
    decode: Callable[[Mapping[str, Any]], Any] = lambda values: values["depth"],
) -> Iterator[Grid]:
    """Depth of any file: what its outputs mean, decoded as `decode` says."""
    runner = open_interpreter(model).get_signature_runner()
    takes = runner.get_input_details()[INPUT_NAME]
    given = np.empty(takes["shape"], takes["dtype"])
    details = runner.get_output_details()
    for pixels in photos:
        write_input(pixels, "rgb", given[0])
        codes = runner(**{INPUT_NAME: given})
        values = {name: _meant(codes[name], details[name]) for name in details}
        yield np.asarray(decode({name: value[0, ..., 0] for name, value in values.items()}))


def _meant(codes: npt.NDArray[Any], detail: dict[str, Any]) -> npt.NDArray[np.float32]:
    scale, zero = detail["quantization"]
    if not scale:
        return codes.astype(np.float32)
    return np.asarray((codes.astype(np.float32) - zero) * scale, np.float32)
