"""The recipes, by name: each is a list of steps that prepare a network for int8.

`converters.ptq.recipe` implements the steps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = [
    "DEFAULT",
    "DEFAULT_PER_TENSOR",
    "RECIPES",
    "TRAINED",
    "PtqRecipe",
    "RangeMethod",
    "RecipeName",
    "StepName",
    "TrainedRecipe",
    "default_recipe",
    "recipe_named",
]

RecipeName = Literal[
    "minmax",
    "percentile-99.9",
    "percentile-99.99",
    "mse",
    "kl",
    "dead-channels",
    "cle",
    "weight-clipping",
    "bias-correction",
    "cle-bias",
    "gptq",
    "cle-gptq",
    "split-gptq",
    "double-gptq",
]
# Recipes that need training, and so a Keras network. `tfl-depth strategy` measures them.
TrainedRecipe = Literal["gptq-qat"]
StepName = Literal[
    "dead-channels",
    "equalize",
    "equalize-streams",
    "double-channels",
    "clip",
    "correct-bias",
    "split-depthwise",
    "reconstruct",
]
RangeMethod = Literal["minmax", "percentile-99.9", "percentile-99.99", "mse", "kl"]


@dataclass(frozen=True)
class PtqRecipe:
    """A recipe.

    Attributes:
        title: for `--help`.
        steps: names in `converters.ptq.recipe.STEPS`, in order.
        ranges: name in `converters.ptq.recipe.RANGES`: the method to choose the range of feature
            maps.
    """

    title: str
    steps: tuple[StepName, ...] = ()
    ranges: RangeMethod = "minmax"


RECIPES: dict[RecipeName, PtqRecipe] = {
    "minmax": PtqRecipe("weights to the nearest code, ranges of minimum and maximum; seconds"),
    "percentile-99.9": PtqRecipe(
        "feature maps clipped at 0.1 and 99.9 %", ranges="percentile-99.9"
    ),
    "percentile-99.99": PtqRecipe(
        "feature maps clipped at 0.01 and 99.99 %", ranges="percentile-99.99"
    ),
    "mse": PtqRecipe("feature maps clipped at the least squared error", ranges="mse"),
    "kl": PtqRecipe("feature maps clipped at the least KL divergence", ranges="kl"),
    "dead-channels": PtqRecipe(
        "channels that never change replaced by constants", ("dead-channels",)
    ),
    "cle": PtqRecipe("cross-layer equalization", ("equalize",)),
    "weight-clipping": PtqRecipe("weights clipped at the least squared error", ("clip",)),
    "bias-correction": PtqRecipe(
        "biases corrected for the change of means by rounding", ("correct-bias",)
    ),
    "cle-bias": PtqRecipe(
        "dead channels, equalization, clipping, bias correction",
        ("dead-channels", "equalize", "clip", "correct-bias"),
    ),
    "gptq": PtqRecipe(
        "weights fitted and rounded layer by layer to keep the float feature maps; about a\n"
        "minute, no labels",
        ("reconstruct",),
        "mse",
    ),
    "cle-gptq": PtqRecipe(
        "cross-layer equalization, then as gptq", ("equalize", "reconstruct"), "mse"
    ),
    "split-gptq": PtqRecipe(
        "depthwise convolutions split by the size of their filters, into up to four, if weights\n"
        "are per tensor; then as gptq",
        ("split-depthwise", "reconstruct"),
        "mse",
    ),
    "double-gptq": PtqRecipe(
        "the first block with twice the channels, which halves the steps of its maps, then as\n"
        "split-gptq; closest to FP32, 5 % more multiplications",
        ("equalize-streams", "double-channels", "split-depthwise", "reconstruct"),
        "mse",
    ),
}
# The closest to FP32 in about a minute, with weights per channel and per tensor: docs/strategy.
DEFAULT: RecipeName = "gptq"
DEFAULT_PER_TENSOR: RecipeName = "split-gptq"

# Old names, before 0.1.0, and their new names.
RENAMED: dict[str, RecipeName | TrainedRecipe] = {
    "plain": "minmax",
    "learned": "gptq",
    "equalised-learned": "cle-gptq",
    "parted-learned": "split-gptq",
    "equalised": "cle",
    "classic": "cle-bias",
    "clipped": "weight-clipping",
    "bias-corrected": "bias-correction",
    "distilled": "gptq-qat",
}
TRAINED: tuple[TrainedRecipe, ...] = ("gptq-qat",)


def default_recipe(*, per_channel: bool) -> RecipeName:
    """Return the name of the default recipe."""
    return DEFAULT if per_channel else DEFAULT_PER_TENSOR


def recipe_named(name: RecipeName | TrainedRecipe) -> PtqRecipe:
    """Look up a recipe.

    Raises:
        ValueError: there is no such recipe. For an old name the text has the new one.
    """
    for known, recipe in RECIPES.items():
        if name == known:
            return recipe
    if name in RENAMED:
        raise ValueError(f"The recipe {name} is called {RENAMED[name]} now.")
    if name in TRAINED:
        raise ValueError(
            f"The recipe {name} trains the network, which `tfl-depth strategy` does with Keras "
            f"networks. Expected one of {', '.join(RECIPES)}."
        )
    raise ValueError(f"Expected a recipe of {', '.join(RECIPES)}, got {name!r}.")
