"""Conversion of a TensorFlow function to a float .tflite, by TensorFlow's converter."""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from tfl_depth.converters.graph import Graph, write_graph
from tfl_depth.converters.importers.base import Floats, ImportedNetwork
from tfl_depth.converters.importers.kinds import Kind
from tfl_depth.converters.importers.tflite import as_float, expect_shape, settled
from tfl_depth.errors import ConversionError
from tfl_depth.quiet import quiet


def import_function(
    function: Any, trackable: Any, names: Sequence[str], kind: Kind, name: str
) -> ImportedNetwork:
    """Import a concrete function from one image to a dict of tensors.

    Args:
        function: static shapes, batch 1.
        trackable: the object with the function's variables. It is kept alive.
        names: of the outputs, the dict's keys, in the source's order.
        kind: format and framework of the source.
        name: of the source, for messages.

    Raises:
        ConversionError: TensorFlow Lite has no operator for a part of it.
    """
    graph = settled(_converted(function, name), name, None)
    # TensorFlow sorts a dict of outputs by its keys.
    found = dict(zip(sorted(names), graph.outputs.values(), strict=True))
    graph.outputs = {key: found[key] for key in names}
    runner = FunctionRunner(function, trackable, names, graph)
    return ImportedNetwork(kind.format, kind.framework, write_graph(graph), tuple(names), runner)


class FunctionRunner:
    """Runs a concrete function of TensorFlow."""

    def __init__(self, function: Any, trackable: Any, names: Sequence[str], graph: Graph) -> None:
        """Store the function, and `trackable` with its variables."""
        self._function, self._trackable, self._names = function, trackable, names
        self._shape = next(iter(graph.inputs.values())).shape
        ((_, self._spec),) = _image_inputs(function)

    def __call__(self, value: Floats) -> list[Floats]:
        """Compute all outputs of an input of the network's shape."""
        import tensorflow as tf

        expect_shape(value, self._shape)
        given = tf.constant(value.astype(self._spec.dtype.as_numpy_dtype))
        found = call(self._function, given)
        return [as_float(np.asarray(found[name])) for name in self._names]


def call(function: Any, image: Any) -> Any:
    """Call a concrete function whose only input is an image of any name."""
    ((key, _),) = _image_inputs(function)
    return function(image) if isinstance(key, int) else function(**{key: image})


def _image_inputs(function: Any) -> list[tuple[int | str, Any]]:
    """Return the positions or names of its inputs, and their specs."""
    positional, named = function.structured_input_signature
    return [*enumerate(positional), *named.items()]


def _converted(function: Any, name: str) -> bytes:
    import tensorflow as tf
    from tensorflow.lite.python.convert_phase import ConverterError

    # Only variables of a tf.Module become constants.
    module = tf.Module()
    module.kept = list(function.variables)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function], module)
    # The way through a SavedModel gives the same operators and takes three times as long.
    converter.experimental_lower_to_saved_model = False
    try:
        with quiet(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return bytes(converter.convert())
    except (ConverterError, RuntimeError, ValueError, tf.errors.OpError) as error:
        raise ConversionError(f"TensorFlow cannot convert {name}: {_reason(str(error))}") from error


def _reason(text: str) -> str:
    """Find the reason in the converter's long messages."""
    lacking = sorted(set(re.findall(r"'tf\.(\w+)' op is neither a custom op nor a flex op", text)))
    if lacking:
        return f"TensorFlow Lite has no operator for {', '.join(lacking)}; use other layers there."
    return next((line for line in text.splitlines() if line.strip()), "no reason given")
