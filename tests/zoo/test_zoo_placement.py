"""The zoo's networks on the Ethos-U family, at the sizes that users deploy: nothing on the CPU."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.built_models import built_zoo
from tests.support.length import in_full
from tests.support.photos import write_photos
from tfl_depth.converters import ImageSplit
from tfl_depth.converters.deployment import compile_for_target
from tfl_depth.converters.pipeline import convert_network
from tfl_depth.converters.tflite_facts import read_operators
from tfl_depth.targets import TARGETS

ZOO = Path(__file__).resolve().parents[2] / "zoo"
SMALL, LARGE = (192, 256), (384, 640)
NPUS = ("ethos-u55-128", "ethos-u65-512", "ethos-u85-1024")


def networks() -> dict[str, Path]:
    """A zoo entry for each of the zoo's architectures: what runs where is no matter of weights."""
    entries = sorted(path.parent for path in ZOO.glob("*/model.keras"))
    return {json.loads((e / "recipe.json").read_text())["encoder"]: e for e in entries}


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> ImageSplit:
    """A few photos: they decide no operator's place."""
    photos = write_photos(tmp_path_factory.mktemp("photos") / "photos")
    return ImageSplit(tuple(photos[::4]), tuple(photos[1::4]), seed=0)


def dual_head(encoder: str, images: ImageSplit, size: tuple[int, int]) -> bytes:
    """The int8 file of an architecture's network."""
    if size == SMALL:
        return built_zoo(networks()[encoder].name).read_bytes()
    network = networks()[encoder] / "model.keras"
    made = convert_network(
        network, images=images, size=size, max_depth_m=10, recipe="minmax", golden=False
    )
    return made.model


@pytest.mark.slow
@pytest.mark.parametrize(
    ("encoder", "size"),
    # The operators of a larger image are the same, so one network shows what the size changes.
    [
        *(
            pytest.param(encoder, SMALL, marks=[] if encoder == "pico" else [in_full])
            for encoder in networks()
        ),
        pytest.param("efficientnet_lite0", LARGE, marks=in_full),
    ],
)
def test_no_operator_is_left_to_the_cpu(
    encoder: str, size: tuple[int, int], images: ImageSplit
) -> None:
    content = dual_head(encoder, images, size)
    names = {operator.name for operator in read_operators(content)}
    for target in NPUS:
        placement = compile_for_target(content, target, TARGETS[target]).placement
        # And perhaps a copy of the input before them.
        assert {operator.name for operator in placement.at("npu")} >= names, target
        assert 30 < len(names) <= len(placement.operators) <= len(names) + 1, target
        # Every cycle of the estimate belongs to an operator.
        assert placement.estimate is not None
        cycles = sum(operator.cycles or 0 for operator in placement.operators)
        assert cycles == pytest.approx(placement.estimate.cycles, rel=0.001), target
        assert placement.milliseconds is not None
        if (encoder, target) == ("pico", "ethos-u55-128"):
            # Thirty frames a second in a mebibyte of SRAM.
            assert placement.milliseconds < 1000 / 30
            assert placement.estimate.sram_bytes <= 1 << 20
