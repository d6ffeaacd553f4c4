"""SavedModel folders, of TensorFlow, Keras 2 and Keras 3."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tfl_depth.converters.importers.base import ImportedNetwork, Size
from tfl_depth.converters.importers.keras_loading import expect_packages, first_line
from tfl_depth.converters.importers.kinds import Kind
from tfl_depth.converters.importers.static_shapes import input_shape
from tfl_depth.errors import ConversionError
from tfl_depth.quiet import quiet

# The signature name of Keras and TensorFlow.
_USUAL = ("serving_default", "serve")


def import_file(path: Path, kind: Kind, size: Size | None) -> ImportedNetwork:
    """Import a SavedModel.

    Raises:
        ConversionError: TensorFlow cannot load it, or it has no signature of one image.
    """
    expect_packages()
    with quiet():
        import tensorflow as tf

        from tfl_depth.converters.importers.tensorflow_lite import import_function
    try:
        with quiet():
            loaded = tf.saved_model.load(str(path))
    except Exception as error:
        # A damaged folder can raise anything, since its content drives TensorFlow's code.
        raise ConversionError(
            f"{path} is a damaged SavedModel, or was copied in part: copy the whole folder again "
            f"({first_line(str(error)) or type(error).__name__})."
        ) from error
    signature = _signature(loaded, str(path))
    with quiet():
        function, names = _static(signature, str(path), size)
    return import_function(function, loaded, names, kind, str(path))


def _signature(loaded: Any, name: str) -> Any:
    signatures = dict(loaded.signatures)
    if len(signatures) == 1:
        return next(iter(signatures.values()))
    for usual in _USUAL:
        if usual in signatures:
            return signatures[usual]
    raise ConversionError(
        f"Expected {name} to have the signature serving_default, it has "
        f"{', '.join(signatures) or 'none'}: export it with one."
    )


def _static(signature: Any, name: str, size: Size | None) -> tuple[Any, list[str]]:
    """Return the signature for one image of a fixed size, and its outputs' names."""
    import tensorflow as tf

    inputs = signature.structured_input_signature[1]
    if len(inputs) != 1:
        raise ConversionError(
            f"Expected {name} to have one input, an image; it has {len(inputs)}: "
            f"{', '.join(inputs)}."
        )
    ((key, spec),) = inputs.items()
    shape = input_shape(tuple(spec.shape.as_list()), name, size)
    names = list(signature.structured_outputs)
    # A new function, since the signature's shapes are open.
    function = tf.function(lambda pixels: signature(**{key: pixels}), autograph=False)
    try:
        fixed = tf.TensorSpec(shape, spec.dtype, name="pixels")
        return function.get_concrete_function(fixed), names
    except (ValueError, TypeError, tf.errors.OpError) as error:
        raise ConversionError(
            f"{name} cannot take an input of {shape}: {first_line(str(error))}"
        ) from error
