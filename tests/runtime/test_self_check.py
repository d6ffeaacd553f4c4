"""The two tensors of a split check each other: garbage is told from depth on every frame.

Measured on the ramps (spans of 10, 15 and 80 m) the share of pixels that is flagged is 76 to 100 %
for each of `UNRELATED`, more the fewer the spans.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from tests.support import ramp
from tests.support.kernels import postprocessed, stored
from tfl_depth.encoding import Decoder, Spans, encode
from tfl_depth.format.contract import Contract, read_contract
from tfl_depth.runtime import DepthRunner, SelfCheckError
from tfl_depth.runtime.frame_options import DepthSize
from tfl_depth.runtime.output_layout import output_layout
from tfl_depth.runtime.postprocess import MAX_DISAGREEMENT, TwoCodes, depth_decoder

Codes = npt.NDArray[np.uint8]
Pair = tuple[Codes, Codes]
Fault = Callable[[Codes, Codes], Pair]


def any_bytes(like: Codes) -> Codes:
    return np.random.default_rng(7).integers(0, 256, like.shape, np.uint8)


def noisy(codes: Codes, deviation: float) -> Codes:
    noise = np.random.default_rng(7).normal(0, deviation, codes.shape)
    return np.clip(np.rint(codes + noise), 0, 255).astype(np.uint8)


# One tensor no longer belongs to the other. Ten rows of the ramp are 0.4 to 3 m.
UNRELATED: dict[str, Fault] = {
    "swapped": lambda integer, fractional: (fractional, integer),
    "integer shifted": lambda integer, fractional: (np.roll(integer, 10, axis=0), fractional),
    "fraction shifted": lambda integer, fractional: (integer, np.roll(fractional, 10, axis=0)),
    "integer zeroed": lambda integer, fractional: (np.zeros_like(integer), fractional),
    "fraction zeroed": lambda integer, fractional: (integer, np.zeros_like(fractional)),
    "integer random": lambda integer, fractional: (any_bytes(integer), fractional),
    "fraction random": lambda integer, fractional: (integer, any_bytes(fractional)),
    "fraction inverted": lambda integer, fractional: (integer, 255 - fractional),
    "int8 for uint8": lambda integer, fractional: (integer, fractional ^ np.uint8(128)),
}
# The deviations are in codes. They flag fewer pixels, most where a span has many integer codes.
NOISY: dict[str, Fault] = {
    "integer noisy": lambda integer, fractional: (noisy(integer, 5), fractional),
    "fraction noisy": lambda integer, fractional: (integer, noisy(fractional, 20)),
    "both noisy": lambda integer, fractional: (noisy(integer, 5), noisy(fractional, 20)),
}


@pytest.fixture(params=ramp.SPANS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def spans(name: str) -> Spans:
    return ramp.SPANS[name]


@pytest.fixture
def contract(name: str, models: Path) -> Contract:
    return read_contract((models / ramp.file_name(name)).read_bytes())


def flagged(pair: Pair, spans: Spans) -> float:
    return float(np.mean(Decoder(spans).disagreement(*pair)))


def postprocess(pair: Pair, contract: Contract) -> npt.NDArray[np.unsignedinteger]:
    integer, fractional = (stored(codes) for codes in pair)
    return postprocessed({"integer": integer, "fractional": fractional}, contract)


@pytest.mark.parametrize("fault", UNRELATED)
def test_unrelated_tensors_are_flagged(fault: str, spans: Spans) -> None:
    """For a fraction that tells nothing of it, an integer code passes by chance where it is within
    a code of what the fraction asks for: 2 of the M codes of a span.
    """
    pair = UNRELATED[fault](*encode(ramp.depth_m(spans), spans))
    assert flagged(pair, spans) > 1 - 2 / spans.codes_per_span - 0.01


@pytest.mark.parametrize("fault", NOISY)
def test_noise_is_flagged(fault: str, spans: Spans) -> None:
    """Ten times the share at which a frame is refused; measured 13 % (30 spans) to 82 %."""
    pair = NOISY[fault](*encode(ramp.depth_m(spans), spans))
    assert flagged(pair, spans) > 10 * MAX_DISAGREEMENT


@pytest.mark.parametrize("fault", UNRELATED | NOISY)
def test_frame_of_garbage_is_refused(fault: str, spans: Spans, contract: Contract) -> None:
    pair = (UNRELATED | NOISY)[fault](*encode(ramp.depth_m(spans), spans))
    with pytest.raises(SelfCheckError, match=r"contradict each other on \d+%.*delegate"):
        postprocess(pair, contract)


def test_rounding_of_a_kernel_is_not_flagged(spans: Spans) -> None:
    integer, fractional = encode(ramp.depth_m(spans), spans)
    for one_off in (-1, 1):
        moved = np.clip(fractional.astype(np.int64) + one_off, 0, 255).astype(np.uint8)
        assert flagged((integer, moved), spans) == 0


def test_few_bad_pixels_are_no_depth_and_the_rest_stays(spans: Spans, contract: Contract) -> None:
    integer, fractional = encode(ramp.depth_m(spans), spans)
    whole = postprocess((integer, fractional), contract)
    bad = np.zeros(integer.shape, bool)
    bad[:, 100] = True  # of all depths, and 0.4 % of the pixels
    found = postprocess((np.where(bad, 0, integer).astype(np.uint8), fractional), contract)
    assert np.mean(found[bad] == 0) > 1 - 2 / spans.codes_per_span - 0.05
    np.testing.assert_array_equal(found[~bad], whole[~bad])


def test_share_of_bad_pixels_is_told(spans: Spans, contract: Contract) -> None:
    integer, fractional = encode(ramp.depth_m(spans), spans)
    integer[::32, 100] ^= 128
    disagreeing = float(np.mean(Decoder(spans).disagreement(integer, fractional)))
    assert 0 < disagreeing < MAX_DISAGREEMENT
    decoder = depth_decoder(contract, {}, integer.shape)
    layout = output_layout(contract, integer.shape)
    codes, depth_mm = layout.new_codes(), np.empty(integer.shape, decoder.dtype)
    outputs = {"integer": stored(integer), "fractional": stored(fractional)}
    layout.collect(outputs, codes)
    assert decoder.decode(codes, depth_mm) == disagreeing


@pytest.mark.parametrize(
    "edges_m", [(0.0, 0.01, 0.02), (0.0, 0.05), (0.5, 1.0, 2.0), tuple(range(16)), (0.0, 1.0, 80.0)]
)
def test_share_is_exact_for_any_pairs_of_codes(edges_m: tuple[float, ...]) -> None:
    """Also where several codes are 0 mm, and consistent."""
    spans = Spans(edges_m)
    decoder = TwoCodes(spans, (256, 256))
    pairs = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    depth_mm = np.empty(pairs.shape, decoder.dtype)
    for low in (0, 1, 200):
        codes = np.maximum(pairs, low).astype(np.uint16)
        zeros = decoder.look_up(codes, depth_mm)
        integer, fractional = (part.astype(np.uint8) for part in np.divmod(codes ^ 0x8080, 256))
        expected = float(np.mean(Decoder(spans).disagreement(integer, fractional)))
        assert decoder.disagreement(codes, zeros) == expected


@pytest.mark.parametrize(("file", "share"), [("net", 0.0), ("net-single", None)])
def test_share_is_in_the_measurement(
    file: str, share: float | None, models: Path, photo: npt.NDArray[np.uint8]
) -> None:
    with DepthRunner(models / f"{file}.tflite") as runner:
        assert runner.measure(photo).disagreement == share


def test_tensors_that_nobody_wrote_are_no_depth(spans: Spans, contract: Contract) -> None:
    """Two zeros can be the middle of the range, of one pixel or a few."""
    nothing = np.full((4, 4), 128, np.uint8)
    with pytest.raises(SelfCheckError, match=r"zeros only|contradict"):
        postprocess((nothing, nothing), contract)
    single = np.full((4, 4), 128, np.uint8)
    outputs = {"depth": stored(single)}
    contract = replace(contract, head="single", edges_m=(0.0, 10.0))
    with pytest.raises(SelfCheckError, match="zeros only"):
        postprocessed(outputs, contract, {"depth": (0.1, -128)})


def test_swapped_outputs_of_a_file_are_refused(models: Path, photo: npt.NDArray[np.uint8]) -> None:
    with (
        DepthRunner(models / "net-swapped.tflite") as runner,
        pytest.raises(SelfCheckError, match="contradict"),
    ):
        runner.infer(photo)


@pytest.mark.parametrize("size", ["image", "model"])
def test_refused_frame_leaves_no_depth_behind(
    size: DepthSize, models: Path, photo: npt.NDArray[np.uint8]
) -> None:
    with DepthRunner(models / "net-swapped.tflite") as runner:
        shape = photo.shape[:2] if size == "image" else runner.grid_size
        out = np.full(shape, 1234, np.uint16)
        with pytest.raises(SelfCheckError):
            runner.infer(photo, size=size, out=out)
    assert not out.any()


def test_runner_goes_on_while_the_error_is_kept(models: Path, photo: npt.NDArray[np.uint8]) -> None:
    """Its traceback must not keep the tensors' memory."""
    with DepthRunner(models / "net-swapped.tflite") as runner:
        with pytest.raises(SelfCheckError) as first:
            runner.infer(photo)
        with pytest.raises(SelfCheckError) as second:
            runner.infer(photo)
    assert str(first.value) == str(second.value)
