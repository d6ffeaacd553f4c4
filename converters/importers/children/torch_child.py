"""PyTorch: conversion by litert-torch, runs by torch. Works where these are, without tfl_depth."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from .refused import Refused, not_finite, one_input

# Operators that compute something else in training, and where they say so.
_TRAINING = {"aten.batch_norm.default": 5, "aten.dropout.default": 2, "aten.dropout_.default": 2}
_EVAL = "call model.eval() before torch.export.export"


def describe(path: str) -> dict[str, Any]:
    """The input's shape, with None for open sizes, and the outputs' names."""
    program = _load(path)
    inputs = list(program.graph_signature.user_inputs)
    if len(inputs) != 1:
        raise one_input(path, inputs)
    _refuse_training(path, program)
    for name, tensor in program.state_dict.items():
        if tensor.is_floating_point() and not tensor.isfinite().all():
            raise not_finite(path, name)
    value = _input_value(program, inputs[0])
    if str(value.dtype) not in ("torch.float32", "torch.uint8"):
        raise Refused(f"{path} takes {value.dtype}: call model.float() and export it again.")
    return {
        "input_shape": [size if isinstance(size, int) else None for size in value.shape],
        "output_names": _output_names(program),
    }


@functools.lru_cache(1)
def _load(path: str) -> Any:
    import torch

    try:
        return torch.export.load(path)
    except Exception as error:
        # Damage, custom operators and newer formats come as any exception.
        first = next((line for line in str(error).splitlines() if line.strip()), "no reason given")
        raise Refused(
            f"torch {torch.__version__} cannot load {path}: {first} Export it again with this "
            "version, or name a Python that has yours in TFL_DEPTH_TORCH_PYTHON."
        ) from error


def _refuse_training(path: str, program: Any) -> None:
    for node in program.graph.nodes:
        place = _TRAINING.get(str(node.target))
        if place is not None and len(node.args) > place and node.args[place] is True:
            raise Refused(f"{path} was exported in training mode ({node.target}): {_EVAL}.")
        if "native_batch_norm_legit" in str(node.target) and "no_training" not in str(node.target):
            raise Refused(f"{path} was exported in training mode ({node.target}): {_EVAL}.")


def _input_value(program: Any, name: str) -> Any:
    (found,) = (node for node in program.graph.nodes if node.name == name)
    return found.meta["val"]


def _output_names(program: Any) -> list[str]:
    """Keys of a dict, else output_0, output_1, ... in order."""
    spec = program.call_spec.out_spec
    keys = spec.context if spec.type is dict else []
    if spec.num_leaves == len(keys):
        return [_text(key) for key in keys]
    return [f"output_{place}" for place in range(spec.num_leaves)]


def _text(key: Any) -> str:
    return "_".join(map(str, key)) if isinstance(key, list | tuple) else str(key)


def _module(program: Any) -> Any:
    """The network as a module that gives a tuple.

    A dict's keys that are tuples come as lists out of a file, and end torch itself.
    """
    from torch.utils import _pytree

    signature = program.module_call_graph[0].signature
    signature.out_spec = _pytree.tree_structure((0,) * signature.out_spec.num_leaves)
    return program.module()


def convert(path: str, shape: list[int], output: str) -> None:
    """Write a float .tflite.

    Args:
        path: the .pt2 file.
        shape: to deploy, in the layout of the source.
        output: the .tflite to write.
    """
    import litert_torch
    import torch

    program = _load(path)
    (name,) = program.graph_signature.user_inputs
    sample = torch.rand(shape).to(_input_value(program, name).dtype)
    litert_torch.convert(_module(program), (sample,)).export(output)


def run(path: str, value: str, outputs: str) -> None:
    """Run the source.

    Args:
        path: the .pt2 file.
        value: an .npy file of its input.
        outputs: the .npz file to write, with arr_0, arr_1, ... for the outputs in order.
    """
    import torch

    program = _load(path)
    (name,) = program.graph_signature.user_inputs
    image = torch.from_numpy(np.load(value)).to(_input_value(program, name).dtype)
    with torch.no_grad():
        found = _loaded_module(path)(image)
    np.savez(outputs, *[np.asarray(each.numpy(), np.float32) for each in found])


@functools.lru_cache(1)
def _loaded_module(path: str) -> Any:
    return _module(_load(path))
