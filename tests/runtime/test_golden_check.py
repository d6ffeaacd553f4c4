"""GoldenCheck of the millimeters: right kernels pass it, wrong ones do not, and it says where."""

from __future__ import annotations

import json
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import cv2
import numpy as np
import pytest

from tests.support import ramp
from tests.support.kernels import INSTALLED, output_tensors, postprocessed, scales
from tfl_depth.errors import ContractError, DepthError, ProofError
from tfl_depth.format.contract import read_contract
from tfl_depth.format.golden import Golden, read_golden
from tfl_depth.runtime import DepthRunner, Tolerance
from tfl_depth.runtime.engines import interpreter
from tfl_depth.runtime.golden_check import check_golden, compare, tolerance_of
from tfl_depth.tools.prove import main

KINDS = [ramp.file_name(name) for name in ramp.SPANS]
KINDS += [
    ramp.file_name(ramp.COMMON, head, precision)
    for head in ("split", "single")
    for precision in ("int8", "int16x8", "float32")
]
KINDS += ["net.tflite", "net-single.tflite"]
ALL = {"take": "CONV_2D,MAX_POOL_2D"}
NO_DIFFERENCE = Tolerance(0, 0, 0)


@pytest.mark.parametrize("package", INSTALLED)
@pytest.mark.parametrize("file", [ramp.file_name(ramp.COMMON), "net.tflite", "net-single.tflite"])
def test_reference_kernels_give_the_golden_depth_to_the_bit(
    file: str, package: str, models: Path
) -> None:
    """In every package and on every processor: the golden depth was made on another one."""
    model = (models / file).read_bytes()
    contract = read_contract(model)
    golden = read_golden(model, contract)
    for rgb, depth_mm in zip(golden.rgb, golden.depth_mm, strict=True):
        outputs = output_tensors(model, rgb, package=package, reference=True)
        found_mm = postprocessed(outputs, contract, scales(model, package=package))
        np.testing.assert_array_equal(found_mm, depth_mm)


@pytest.mark.parametrize("xnnpack", [True, False])
@pytest.mark.parametrize("package", INSTALLED)
@pytest.mark.parametrize("file", dict.fromkeys(KINDS))
def test_correct_kernels_are_right(
    file: str, package: str, xnnpack: bool, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(interpreter, "PACKAGES", (package,))
    with DepthRunner(models / file, xnnpack=xnnpack) as runner:
        proof = runner.prove()
        golden = read_golden((models / file).read_bytes(), runner.contract)
    assert proof.verdict == "right", proof
    assert proof.error_mm.shape == golden.depth_mm.shape
    assert proof.max_mm == abs(proof.error_mm[proof.worst_image][proof.worst_pixel])


def test_delegate_that_computes_right_is_right(net: Path, library: str) -> None:
    with DepthRunner(net, delegate=library, delegate_options=ALL, strict=True) as runner:
        proof = runner.prove()
    assert (proof.verdict, proof.fallback, proof.disagreement) == ("right", None, 0)


def test_delegate_that_is_off_by_a_step_of_the_code_is_right(net: Path, library: str) -> None:
    """Correct kernels are no nearer to each other."""
    with DepthRunner(net, delegate=library, delegate_options={**ALL, "shift": 1}) as runner:
        proof = runner.prove()
    assert 0 < proof.median_mm < runner.contract.spans.steps_mm[0] + 1
    assert proof.verdict == "right"


@pytest.mark.parametrize(("shift", "least_mm"), [(5, 18), (100, 350)])
def test_delegate_that_is_off_by_more_is_wrong(
    shift: int, least_mm: float, net: Path, library: str
) -> None:
    with DepthRunner(net, delegate=library, delegate_options={**ALL, "shift": shift}) as runner:
        proof = runner.prove()
    assert proof.verdict == "wrong"
    assert proof.median_mm > least_mm
    # It shifts both codes alike: nothing but a proof can see it.
    assert proof.disagreement == 0


@pytest.mark.parametrize(("steps", "verdict"), [(3, "right"), (5, "wrong")])
def test_another_arithmetic_may_be_three_steps_off(steps: int, verdict: str, net: Path) -> None:
    model = net.read_bytes()
    contract = read_contract(model)
    golden_mm = read_golden(model, contract).depth_mm
    off_mm = golden_mm + np.uint16(steps * contract.spans.steps_mm[0])
    assert compare(off_mm, golden_mm, tolerance_of(contract, 3), 0.0, None).verdict == verdict
    assert compare(off_mm, golden_mm, tolerance_of(contract), 0.0, None).verdict == "wrong"


def test_garbage_is_wrong_and_contradicts_itself(net: Path, library: str) -> None:
    options = {**ALL, "fault": "garbage", "at": 1}
    with DepthRunner(net, delegate=library, delegate_options=options) as runner:
        proof = runner.prove()
    assert proof.verdict == "wrong"
    assert proof.disagreement is not None and proof.disagreement > 0.5


def test_exchanged_outputs_are_wrong(models: Path) -> None:
    with DepthRunner(models / "net-swapped.tflite") as runner:
        assert runner.prove().verdict == "wrong"


def test_wrong_depth_is_not_served(net: Path, library: str) -> None:
    options = {**ALL, "shift": 100}
    with pytest.raises(ProofError, match=r"wrong.*mm in the median.*row \d+, column \d+"):
        DepthRunner(net, delegate=library, delegate_options=options, prove="first")


def test_right_depth_is_served(net: Path, photo: Any) -> None:
    with DepthRunner(net, prove="first") as proved, DepthRunner(net) as usual:
        np.testing.assert_array_equal(proved.infer(photo), usual.infer(photo))


def test_other_time_to_prove_is_refused(net: Path) -> None:
    with pytest.raises(DepthError, match="None or 'first', got 'always'"):
        DepthRunner(net, prove="always")  # type: ignore[arg-type]


def test_model_without_golden_vectors_says_so(models: Path) -> None:
    path = models / "net-no-golden.tflite"
    with DepthRunner(path) as runner, pytest.raises(ContractError, match="no golden vectors"):
        runner.prove()
    with pytest.raises(ContractError, match="no golden vectors"):
        DepthRunner(path, prove="first")


def test_closed_runner_proves_nothing(net: Path) -> None:
    runner = DepthRunner(net)
    runner.close()
    with pytest.raises(DepthError, match="closed"):
        runner.prove()


def test_only_a_proof_reads_golden_vectors(
    net: Path, photo: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_args: object) -> NoReturn:
        pytest.fail("golden vectors were decoded")

    monkeypatch.setattr(Golden, "from_zip", fail)
    with DepthRunner(net) as runner:
        runner.infer(photo)


def test_compiler_keeps_golden_vectors(net: Path, models: Path) -> None:
    own, compiled = (path.read_bytes() for path in (net, models / "net-vela.tflite"))
    expected, kept = (read_golden(each, read_contract(each)) for each in (own, compiled))
    np.testing.assert_array_equal(kept.rgb, expected.rgb)
    np.testing.assert_array_equal(kept.depth_mm, expected.depth_mm)


def test_golden_photos_lie_nearest_and_farthest(net: Path) -> None:
    model = net.read_bytes()
    golden = read_golden(model, read_contract(model))
    assert len(golden.rgb) == 2
    assert np.median(golden.depth_mm[0]) != np.median(golden.depth_mm[1])


@pytest.mark.parametrize("dtype", [np.uint16, np.uint32])
def test_golden_vectors_survive_their_archive(dtype: Any) -> None:
    random = np.random.default_rng(2)
    golden = Golden(
        random.integers(0, 256, (3, 12, 16, 3), np.uint8),
        random.integers(0, np.iinfo(dtype).max, (3, 6, 8), dtype),
    )
    packed = golden.to_zip()
    again = Golden.from_zip(packed, 3, (12, 16))
    np.testing.assert_array_equal(again.rgb, golden.rgb)
    np.testing.assert_array_equal(again.depth_mm, golden.depth_mm)
    assert (again.depth_mm.dtype, again.to_zip()) == (dtype, packed)


def archive(path: Path, **files: bytes) -> bytes:
    with zipfile.ZipFile(path, "w") as made:
        for name, content in files.items():
            made.writestr(name.replace("_", "."), content)
    return path.read_bytes()


def test_damaged_golden_vectors_are_refused(tmp_path: Path) -> None:
    whole = Golden(np.zeros((1, 4, 4, 3), np.uint8), np.zeros((1, 4, 4), np.uint16)).to_zip()
    photo = cv2.imencode(".png", np.zeros((4, 4, 3), np.uint8))[1].tobytes()
    path = tmp_path / "golden.zip"
    for content in (
        *(b"", b"PK", whole[:-9], whole[9:]),
        archive(path),
        archive(path, **{"0_png": b"no image", "0_npy": b""}),
        archive(path, **{"0_png": photo, "0_npy": b"no array"}),
    ):
        with pytest.raises(ContractError, match="golden vectors are damaged"):
            Golden.from_zip(content, 1, (4, 4))


def test_worst_pixel_is_found_where_it_is() -> None:
    golden_mm = np.full((2, 3, 4), 1000, np.uint16)
    depth_mm = golden_mm.copy()
    depth_mm[1, 2, 3], depth_mm[0, 1, 1] = 400, 1100
    proof = compare(depth_mm, golden_mm, NO_DIFFERENCE, 0.0, None)
    assert (proof.max_mm, proof.worst_image, proof.worst_pixel) == (600, 1, (2, 3))
    assert (proof.median_mm, proof.verdict) == (0, "wrong")
    assert proof.error_mm[1, 2, 3] == -600


def test_each_measure_has_its_tolerance() -> None:
    golden_mm = np.full((1, 10, 10), 1000, np.uint16)
    depth_mm = golden_mm + np.repeat([5, 20], [90, 10]).reshape(1, 10, 10).astype(np.uint16)

    def verdict(*tolerance: float, disagreement: float | None = None) -> str:
        return compare(depth_mm, golden_mm, Tolerance(*tolerance), disagreement, None).verdict

    assert verdict(5, 20, 20) == "right"
    assert verdict(4.9, 20, 20) == verdict(5, 19.9, 20) == verdict(5, 20, 19.9) == "wrong"
    assert verdict(5, 20, 20, disagreement=0.01) == "right"
    assert verdict(5, 20, 20, disagreement=0.011) == "wrong"


def test_tolerance_is_that_of_the_decision(net: Path) -> None:
    contract = read_contract(net.read_bytes())
    assert contract.golden is not None
    step_mm = contract.spans.steps_mm[0]
    expected_mm = 3 * contract.golden.max_mm + step_mm + 1
    assert tolerance_of(contract).max_mm == pytest.approx(expected_mm)


def test_tool_proves(net: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(net), "--json", "--output", str(tmp_path / "proof")]) == 0
    report = json.loads(capsys.readouterr().out)
    with DepthRunner(net) as runner:
        proof = runner.prove()
    assert (report["verdict"], report["max_mm"]) == ("right", proof.max_mm)
    assert tuple(report["worst_pixel"]) == proof.worst_pixel
    assert report["tolerance"] == proof.tolerance._asdict()
    for number, error_mm in enumerate(proof.error_mm):
        picture = cv2.imread(str(tmp_path / "proof" / f"{number}_error.png"), cv2.IMREAD_UNCHANGED)
        np.testing.assert_array_equal(picture, np.abs(error_mm))
        assert (tmp_path / "proof" / f"{number}_error_color.png").is_file()


def test_tool_fails_where_the_depth_is_wrong(
    net: Path, library: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = ["--delegate", library, "--option", "take=CONV_2D,MAX_POOL_2D", "--option", "shift=100"]
    assert main([str(net), *wrong, "--output", str(tmp_path)]) == 1
    said = capsys.readouterr()
    assert said.out.startswith("The depth is wrong")
    assert said.err.endswith(
        "error: The interpreter or its delegate computes this model wrongly.\n"
    )
    assert len(list(tmp_path.iterdir())) == 4


def test_tool_takes_options_as_pairs_only(net: Path) -> None:
    with pytest.raises(SystemExit, match="2"):
        main([str(net), "--option", "shift"])


def test_golden_depth_of_another_size_is_refused(net: Path) -> None:
    with DepthRunner(net) as runner:
        golden = read_golden(net.read_bytes(), runner.contract)
        smaller = replace(golden, depth_mm=golden.depth_mm[:, 1:])
        with pytest.raises(ContractError, match="Expected golden depth of the outputs' shape"):
            check_golden(runner._engine, smaller)
    with pytest.raises(ContractError, match="no golden vectors"):
        tolerance_of(replace(runner.contract, golden=None))
