"""The networks that can be trained: Keras networks with a last convolution in meters."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfl_depth.converters.importers import identify
from tfl_depth.errors import ConversionError
from tfl_depth.quiet import quiet
from tfl_depth.strategy.study_input import NetworkOptions, StudyInput

if TYPE_CHECKING:
    import keras


def trainable_model(study_input: StudyInput) -> keras.Model:
    """Load a study's network so that it can be trained, from pixels (N, H, W, 3) to meters.

    Raises:
        ConversionError: it cannot be trained; the text has the reason.
    """
    source, options = study_input.source, study_input.options
    kind = identify(source)
    if kind.framework != "keras":
        raise ConversionError(f"training needs a network of Keras 3, which {source.name} is not")
    if options.formula.numbers != NetworkOptions().formula.numbers or options.formula.divides:
        raise ConversionError("training needs a network with an output in meters")
    return _loaded(source, options)


def _loaded(source: Path, options: NetworkOptions) -> keras.Model:
    from tfl_depth.converters.importers.keras_loading import load
    from tfl_depth.converters.importers.keras_size import at_size

    model = load(source)
    with quiet():
        from tfl_depth.models.dual_head import depth_convolution
    try:
        depth_convolution(model)
    except ConversionError as error:
        raise ConversionError(
            "training needs a network of one output that ends in a linear convolution of meters"
        ) from error
    if options.size is not None:
        model = at_size(model, options.size, source.name)
    if None in model.inputs[0].shape[1:]:
        raise ConversionError("training needs a network of a fixed size, or --size")
    return freeze_batch_normalization(model)


def freeze_batch_normalization(model: keras.Model) -> keras.Model:
    """Freeze all batch normalization. It is folded into convolutions later."""
    for layer in _all_layers(model):
        if type(layer).__name__ == "BatchNormalization":
            layer.trainable = False
    return model


def _all_layers(model: Any) -> list[Any]:
    found = []
    for layer in model.layers:
        found += _all_layers(layer) if hasattr(layer, "layers") else [layer]
    return found


def on_pixels(model: keras.Model, options: NetworkOptions) -> keras.Model:
    """Add the preprocessing to a network: it then takes RGB pixels of 0 to 255."""
    import keras

    affine = options.pixels.affine()
    if affine.keeps_colors and not options.pixels.are_given:
        return model
    pixels = keras.Input(model.inputs[0].shape[1:], name="pixels")
    colors = keras.ops.take(pixels, affine.source, axis=-1)
    scaled = colors * affine.scale.astype("float32") + affine.offset.astype("float32")
    return keras.Model(pixels, model(scaled))
