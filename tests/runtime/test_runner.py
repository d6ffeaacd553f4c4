"""`DepthRunner` as an object: what it says of its model, how long it lives, who shares it."""

from __future__ import annotations

import gc
import tracemalloc
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from tests.support import ramp
from tfl_depth.encoding import DepthMm, depth_dtype
from tfl_depth.runtime import (
    DelegateError,
    DepthError,
    DepthRunner,
    ImageError,
    ModelFileError,
    SignatureError,
)
from tfl_depth.runtime.engines.interpreter_engine import InterpreterEngine
from tfl_depth.runtime.frame_options import DepthSize

Pixels = npt.NDArray[np.uint8]


def test_runner_says_what_its_model_is(net: Path) -> None:
    with DepthRunner(net) as runner:
        assert runner.model_size == (64, 96)
        assert runner.grid_size == (32, 48)
        assert runner.depth_dtype == np.uint16
        assert runner.contract.max_depth_m == 10
        assert runner.contract.tool.startswith("tfl-depth ")


def test_path_may_be_a_string(net: Path, photo: Pixels) -> None:
    with DepthRunner(str(net)) as from_string, DepthRunner(net) as from_path:
        np.testing.assert_array_equal(from_string.infer(photo), from_path.infer(photo))


@pytest.mark.parametrize("precision", ["int8", "int16x8", "float32"])
@pytest.mark.parametrize("head", ["split", "single"])
def test_depth_is_uint16_millimeters(head: str, precision: str, models: Path) -> None:
    with DepthRunner(models / ramp.file_name(ramp.COMMON, head, precision)) as runner:
        depth_mm = runner.infer(ramp.image(), channels="rgb")
    assert depth_mm.dtype == runner.depth_dtype == np.uint16
    assert (depth_mm.min(), depth_mm.max()) == (0, 10_000)


@pytest.mark.parametrize("size", [(256, 256), (100, 300)])
def test_far_range_is_uint32_millimeters(size: tuple[int, int], models: Path) -> None:
    with DepthRunner(models / ramp.file_name("80m-growing")) as runner:
        bright = np.full((*size, 3), (0, 250, 250), np.uint8)
        depth_mm = runner.infer(bright)
        assert depth_mm.dtype == runner.depth_dtype == np.uint32
    true_mm = 1000 * (ramp.RED_WEIGHT + 1) * 250 * ramp.step_m(runner.contract.spans)
    assert true_mm > 65_535
    assert np.abs(depth_mm - true_mm).max() <= runner.contract.spans.steps_mm[-1] / 2 + 1


def test_single_head_and_split_agree(models: Path, net: Path, photo: Pixels) -> None:
    """Within half a step of the one tensor, 20 mm, and what ranges of inner tensors differ by."""
    with DepthRunner(net) as split, DepthRunner(models / "net-single.tflite") as single:
        difference_mm = split.infer(photo).astype(np.int64) - single.infer(photo)
    assert np.abs(difference_mm).max() <= 25


def test_depth_is_the_callers_own(net: Path, photo: Pixels) -> None:
    with DepthRunner(net) as runner:
        first = runner.infer(photo, size="model")
        kept = first.copy()
        runner.infer(255 - photo)
        np.testing.assert_array_equal(first, kept)
        first[:] = 0
        np.testing.assert_array_equal(runner.infer(photo, size="model"), kept)


@pytest.mark.parametrize("size", ["image", "model"])
@pytest.mark.parametrize("name", ["net", "net-single", "ramp-80m-growing-split-int8"])
def test_depth_is_written_where_it_is_wanted(
    name: str, size: DepthSize, models: Path, photo: Pixels
) -> None:
    with DepthRunner(models / f"{name}.tflite") as runner:
        expected = runner.infer(photo, size=size)
        out = np.full(expected.shape, 7, runner.depth_dtype)
        assert runner.infer(photo, size=size, out=out) is out
    np.testing.assert_array_equal(out, expected)


UNFIT: dict[str, tuple[Any, str]] = {
    "list": ([[0]], "numpy array, got list"),
    "shape": (np.empty((32, 49), np.uint16), r"shape \(32, 48\) .*got \(32, 49\)"),
    "dtype": (np.empty((32, 48), np.int16), "dtype uint16, got .*int16"),
    "big-endian": (np.empty((32, 48), ">u2"), "dtype uint16, got .*>u2"),
    "columns first": (np.empty((48, 32), np.uint16).T, "C-contiguous"),
    "every second": (np.empty((64, 48), np.uint16)[::2], "C-contiguous"),
    "read-only": (np.broadcast_to(np.uint16(0), (32, 48)), "writeable"),
}


@pytest.mark.parametrize("name", UNFIT)
def test_place_where_depth_cannot_go_is_refused(name: str, net: Path, photo: Pixels) -> None:
    out, said = UNFIT[name]
    with DepthRunner(net) as runner, pytest.raises(DepthError, match=f"`out` .*{said}"):
        runner.infer(photo, size="model", out=out)


@pytest.mark.parametrize("spans", [ramp.COMMON, "80m-growing"])
@pytest.mark.parametrize("holes", [False, True])
@pytest.mark.parametrize("shape", [(256, 256, 3), (300, 400, 3), (300, 400)], ids=str)
def test_frame_allocates_no_picture_where_its_depth_has_a_place(
    shape: tuple[int, ...], holes: bool, spans: str, models: Path
) -> None:
    frame = np.full(shape, 100, np.uint8)
    frame[: 20 * holes] = 0
    out = np.empty(shape[:2], depth_dtype(ramp.SPANS[spans]))
    with DepthRunner(models / ramp.file_name(spans)) as runner:
        runner.infer(frame, out=out)  # which makes the working memory
        assert (out == 0).any() == holes
        tracemalloc.start()
        for _ in range(3):
            runner.infer(frame, out=out)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    smallest_picture = ramp.SIDE * ramp.SIDE
    assert peak < smallest_picture


def test_measurement_says_how_long_each_part_took(net: Path, photo: Pixels) -> None:
    with DepthRunner(net) as runner:
        begin_s = perf_counter()
        measured = runner.measure(photo)
        whole_s = perf_counter() - begin_s
        np.testing.assert_array_equal(measured.depth_mm, runner.infer(photo))
    parts_s = (measured.prepare_s, measured.invoke_s, measured.postprocess_s)
    assert min(parts_s) > 0
    assert sum(parts_s) < whole_s


def test_closed_runner_says_so(net: Path, photo: Pixels) -> None:
    runner = DepthRunner(net)
    runner.close()
    runner.close()
    with pytest.raises(DepthError, match="closed: open a new one"):
        runner.infer(photo)


def test_context_closes_also_after_an_error(net: Path, photo: Pixels) -> None:
    with pytest.raises(ZeroDivisionError), DepthRunner(net) as runner:
        raise ZeroDivisionError
    with pytest.raises(DepthError, match="closed"):
        runner.infer(photo)


def test_closing_frees_the_interpreter(net: Path, photo: Pixels) -> None:
    runner = DepthRunner(net)
    depth_mm = runner.infer(photo)
    engine = runner._engine.expect_open()
    assert isinstance(engine, InterpreterEngine)
    interpreter = weakref.ref(engine._interpreter)
    runner.close()
    gc.collect()
    assert interpreter() is None
    assert depth_mm.all()


def test_two_runners_do_not_disturb_each_other(net: Path, models: Path, photo: Pixels) -> None:
    with DepthRunner(net) as runner:
        expected, inverted = runner.infer(photo), runner.infer(255 - photo)
    with DepthRunner(net) as one, DepthRunner(models / "net-single.tflite") as other:
        for _ in range(3):
            np.testing.assert_array_equal(one.infer(photo), expected)
            other.infer(255 - photo)
            np.testing.assert_array_equal(one.infer(255 - photo), inverted)
    with DepthRunner(net) as one, DepthRunner(net) as same:
        one.infer(photo)
        np.testing.assert_array_equal(same.infer(255 - photo), inverted)


def test_threads_share_one_runner(net: Path) -> None:
    random = np.random.default_rng(4)
    images = [random.integers(0, 256, (80, 120, 3), np.uint8) for _ in range(8)]
    with DepthRunner(net) as runner, ThreadPoolExecutor(8) as pool:
        expected = [runner.infer(image) for image in images]
        found: list[DepthMm] = list(pool.map(runner.infer, images * 20))
    for k, depth_mm in enumerate(found):
        np.testing.assert_array_equal(depth_mm, expected[k % len(images)])


def test_closing_while_threads_wait_is_an_error_for_those(net: Path, photo: Pixels) -> None:
    """Each gets its whole depth, or is told; none meets a freed interpreter."""
    with DepthRunner(net) as reference:
        expected = reference.infer(photo)
    runner = DepthRunner(net)
    with ThreadPoolExecutor(4) as pool:
        waiting = [pool.submit(runner.infer, photo) for _ in range(200)]
        waiting[3].result()
        runner.close()
    errors = [future.exception() for future in waiting]
    assert errors[3] is None
    for future, error in zip(waiting, errors, strict=True):
        if error is None:
            np.testing.assert_array_equal(future.result(), expected)
        else:
            assert isinstance(error, DepthError)


BAD_ARGUMENTS: dict[str, tuple[Any, str]] = {
    "endless": (
        {"isolate": True, "timeout_s": float("inf")},
        "`timeout_s` to be at most 1000000 s",
    ),
    "too long": ({"isolate": True, "start_timeout_s": 1e12}, "`start_timeout_s` to be at most"),
    "no time": ({"timeout_s": float("nan")}, "`timeout_s` to be above 0, got nan"),
    "time as text": ({"timeout_s": "5"}, "`timeout_s` to be above 0, got '5'"),
    "part of a thread": ({"num_threads": 1.5}, "`num_threads` to be a whole number, got 1.5"),
}


@pytest.mark.parametrize("name", BAD_ARGUMENTS)
def test_numbers_that_mean_nothing_are_refused(name: str, net: Path) -> None:
    options, said = BAD_ARGUMENTS[name]
    with pytest.raises(DepthError, match=said):
        DepthRunner(net, **options)


def test_numbers_of_calls_that_mean_nothing_are_refused(net: Path, photo: Pixels) -> None:
    with DepthRunner(net) as runner:
        with pytest.raises(DepthError, match=r"`waiting` to be a whole number, got 2\.5"):
            runner.stream([photo], waiting=2.5)  # type: ignore[arg-type]
        with pytest.raises(DepthError, match="`workers` to be a whole number"):
            runner.infer_batch([photo], workers=1.5)  # type: ignore[call-overload]
        with pytest.raises(DepthError, match="`runs` to be a whole number"):
            runner.warm_up(1.5)  # type: ignore[arg-type]


def test_zero_bytes_in_paths_are_errors_like_any_other(net: Path) -> None:
    with pytest.raises(ModelFileError, match="model's path or bytes"):
        DepthRunner("a\0b.tflite")
    with pytest.raises(ModelFileError, match="model's path or bytes"):
        DepthRunner(5)  # type: ignore[arg-type]
    with pytest.raises(SignatureError, match="a key's path or content"):
        DepthRunner(net, public_key="a\0b.pem")
    with DepthRunner(net) as runner:
        for call in (runner.infer, runner.stream):
            with pytest.raises(ImageError):
                call("a\0b.mp4")
    with pytest.raises(DelegateError):
        DepthRunner(net, delegate="a\0b.so")
