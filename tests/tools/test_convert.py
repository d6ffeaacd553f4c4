"""tools/convert as its users call it: what it writes, measures and says of itself."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import keras
import numpy as np
import numpy.typing as npt
import pytest

import tfl_depth
from tests.support.small_net import OFFSET, SCALE, SIZE, run_convert, seeded, write_examples
from tfl_depth.converters import find_images, graph, representative, split_images
from tfl_depth.converters.tflite_facts import read_facts, read_operators
from tfl_depth.converters.verify import fidelity
from tfl_depth.encoding import CODES
from tfl_depth.format.contract import Contract, read_contract
from tfl_depth.format.golden import METADATA_NAME
from tfl_depth.recipes import DEFAULT
from tfl_depth.runtime import DepthRunner
from tfl_depth.runtime.engines.interpreter import open_interpreter
from tfl_depth.tools import prove

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Variant:
    """A call of the converter, and what must come of it."""

    arguments: tuple[str, ...]
    precision: str = "int8"
    head: str = "split"
    edges_m: tuple[float, ...] = tuple(float(edge) for edge in range(11))
    size: tuple[int, int] = SIZE
    calibration: tuple[int, int] = (10, 0)  # images, seed
    model: str = "small.keras"
    images: str = "photos"

    @property
    def max_depth_m(self) -> float:
        return self.edges_m[-1]


INT16_MAX = 32767
TEN_METERS = ("--max-depth", "10")
VARIANTS = {
    "int8": Variant(("--int8", *TEN_METERS)),
    "int16x8": Variant(("--int16x8", *TEN_METERS), precision="int16x8", images="photos/*.*"),
    "float32": Variant(("--float32", *TEN_METERS), precision="float32"),
    "single": Variant(
        ("--int8", "--head", "single", "--max-depth", "9.7"),
        head="single",
        edges_m=(0.0, 9.7),
        images="list.txt",
    ),
    "growing": Variant(
        ("--int8", "--spans", "0,0.5,1,2,4,8,16", "--seed", "1"),
        edges_m=(0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0),
        calibration=(10, 1),
    ),
    "half meters": Variant(
        ("--int8", "--max-depth", "12", "--span", "0.5", "--size", "96x64", "--samples", "6"),
        edges_m=tuple(k / 2 for k in range(25)),
        size=(96, 64),
        calibration=(6, 0),
    ),
    "input range": Variant(
        ("--int8", *TEN_METERS, "--input-range", f"{OFFSET},{255 * SCALE + OFFSET}"),
        model="bare.keras",
    ),
}
INT8 = [name for name, variant in VARIANTS.items() if variant.precision == "int8"]
SPLIT_INT8 = [name for name in INT8 if VARIANTS[name].head == "split"]


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_examples(tmp_path_factory.mktemp("work"))


@pytest.fixture(scope="module")
def float_model(work: Path) -> keras.Model:
    return keras.saving.load_model(work / "small.keras", compile=False)


Converted = Callable[[str], Path]


@pytest.fixture(scope="module")
def converted(work: Path, tmp_path_factory: pytest.TempPathFactory) -> Converted:
    """Gives the file of a variant, which is converted when it is first asked for."""
    made: dict[str, Path] = {}

    def convert(name: str) -> Path:
        if name not in made:
            variant, folder = VARIANTS[name], tmp_path_factory.mktemp("out")
            model, images = str(work / variant.model), str(work / variant.images)
            arguments = variant.arguments
            assert run_convert(work, folder, *arguments, model=model, representative=images) == 0
            made[name] = folder / "model.tflite"
        return made[name]

    return convert


def contract_of(path: Path) -> Contract:
    return read_contract(path.read_bytes())


# What is written


@pytest.mark.parametrize("name", VARIANTS)
def test_model_and_report_are_all_that_is_written(converted: Converted, name: str) -> None:
    path = converted(name)
    assert sorted(file.name for file in path.parent.iterdir()) == ["model.json", "model.tflite"]


@pytest.mark.parametrize("name", INT8)
def test_every_tensor_is_an_integer(converted: Converted, name: str) -> None:
    interpreter = open_interpreter(converted(name).read_bytes(), xnnpack=False)
    details = interpreter.get_tensor_details()
    assert {detail["dtype"] for detail in details} <= {np.int8, np.int32}
    # The pixels and the codes go in and out as the network has them.
    ends = interpreter.get_input_details() + interpreter.get_output_details()
    assert {detail["dtype"] for detail in ends} == {np.int8}
    assert "QUANTIZE" not in read_facts(converted(name).read_bytes()).operators


@pytest.mark.parametrize("name", VARIANTS)
def test_tensors_are_bound_by_name_with_batch_1(converted: Converted, name: str) -> None:
    variant = VARIANTS[name]
    interpreter = open_interpreter(converted(name).read_bytes())
    assert interpreter.get_signature_list() == {
        "serving_default": {
            "inputs": ["pixels"],
            "outputs": ["depth"] if variant.head == "single" else ["fractional", "integer"],
        }
    }
    signature = interpreter.get_signature_runner()
    (source,) = signature.get_input_details().values()
    assert tuple(source["shape_signature"]) == (1, *variant.size, 3)
    for detail in signature.get_output_details().values():
        assert tuple(detail["shape_signature"]) == (1, *variant.size, 1)


def door(path: Path, name: str) -> dict[str, Any]:
    signature = open_interpreter(path.read_bytes()).get_signature_runner()
    details = {**signature.get_input_details(), **signature.get_output_details()}
    return dict(details[name])


@pytest.mark.parametrize("name", INT8)
def test_pixels_go_in_less_128(converted: Converted, name: str) -> None:
    pixels = door(converted(name), "pixels")
    assert pixels["dtype"] == np.int8
    scale, zero_point = pixels["quantization"]
    assert scale == np.float32(SCALE)
    assert zero_point == 127 - 128


@pytest.mark.parametrize("name", SPLIT_INT8)
def test_ranges_of_the_split_are_exactly_as_pinned(converted: Converted, name: str) -> None:
    path, spans = converted(name), len(VARIANTS[name].edges_m) - 1
    assert door(path, "integer")["quantization"] == (np.float32(1 / (CODES // spans)), -128)
    assert door(path, "fractional")["quantization"] == (np.float32(1 / CODES), -128)
    made = graph.read_graph(path.read_bytes())
    thermometers = [tensor for tensor in made.computed() if tensor.shape[-1] == spans]
    (quantization,) = [tensor.quantization for tensor in thermometers]
    assert quantization == graph.Quantization((float(np.float32(6 / CODES)),), (-128,))


def test_range_of_the_single_head_is_exactly_as_pinned(converted: Converted) -> None:
    assert door(converted("single"), "depth")["quantization"] == (np.float32(9.7 / CODES), -128)


@pytest.mark.parametrize("name", ["int16x8", "float32"])
def test_other_precisions_take_and_give_floats(converted: Converted, name: str) -> None:
    for tensor in ("pixels", "integer", "fractional"):
        assert door(converted(name), tensor)["dtype"] == np.float32


def test_int16x8_computes_on_16_and_8_bits(converted: Converted) -> None:
    interpreter = open_interpreter(converted("int16x8").read_bytes(), xnnpack=False)
    dtypes = [detail["dtype"] for detail in interpreter.get_tensor_details()]
    assert {np.int16, np.int8} <= set(dtypes)
    # Floats are the pixels, their normalization with its two constants, and the two outputs.
    assert dtypes.count(np.float32) == 7


def test_ranges_of_the_split_are_pinned_on_16_bits(converted: Converted) -> None:
    """The head must reach its whole range, whatever the calibration images showed of it."""
    made = graph.read_graph(converted("int16x8").read_bytes())
    # Of ten spans: the thermometer has ten channels, the outputs one.
    scales = sorted(
        (tensor.shape[-1], tensor.quantization.scales[0])
        for tensor in made.computed()
        if tensor.quantization is not None and tensor.dtype == np.int16
    )
    assert [scale for channels, scale in scales if channels == 10] == [np.float32(6 / INT16_MAX)]
    assert [scale for channels, scale in scales if channels == 1] == [
        np.float32(1 / INT16_MAX),
        np.float32(10.2 / INT16_MAX),
    ]


# What it says of itself


@pytest.mark.parametrize("name", VARIANTS)
def test_contract_says_what_was_asked_for(converted: Converted, name: str) -> None:
    variant, contract = VARIANTS[name], contract_of(converted(name))
    assert contract.tool == f"tfl-depth {tfl_depth.__version__}"
    assert (contract.precision, contract.head) == (variant.precision, variant.head)
    assert contract.edges_m == pytest.approx(variant.edges_m)
    assert (contract.height, contract.width) == variant.size
    assert contract.normalization.scale == pytest.approx((SCALE,) * 3)
    assert contract.normalization.offset == pytest.approx((OFFSET,) * 3)
    if variant.precision == "float32":
        assert contract.calibration is None
    else:
        assert contract.calibration is not None
        images = (contract.calibration.images, contract.calibration.seed)
        assert images == variant.calibration


@pytest.mark.parametrize("name", VARIANTS)
def test_report_says_the_same_as_the_contract(converted: Converted, name: str) -> None:
    path = converted(name)
    contract, report = contract_of(path), json.loads(path.with_suffix(".json").read_text())
    assert report["model"] == "model.tflite"
    assert report["bytes"] == path.stat().st_size
    assert report["input"]["height"] == contract.height
    assert report["source"] == vars(contract.source)
    assert report["edges_m"] == list(contract.edges_m)
    assert report["codes_per_span"] == contract.spans.codes_per_span
    assert report["steps_mm"] == list(contract.spans.steps_mm)
    assert report["verification"] == contract.verification
    assert report["recipe"] == contract.recipe == (None if name == "float32" else DEFAULT)
    assert report["golden"] == vars(contract.golden)
    assert report["target"] == "cpu"
    if contract.calibration is None:
        assert report["calibration"] is None
    else:
        assert report["calibration"] == vars(contract.calibration)


def test_photos_stay_out_of_a_model_where_that_is_asked_for(
    work: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run_convert(work, tmp_path, "--float32", *TEN_METERS, "--no-golden", "--json") == 0
    model, report = tmp_path / "model.tflite", tmp_path / "model.json"
    result = json.loads(capfd.readouterr().out)
    assert result["files"] == [str(model), str(report)]
    assert result.items() >= {**json.loads(report.read_text()), "model": str(model)}.items()
    assert result["golden"] is contract_of(model).golden is None
    assert METADATA_NAME.encode() not in model.read_bytes()
    assert prove.main([str(model)]) == 1
    assert "no golden vectors" in capfd.readouterr().err


# What it computes


@pytest.mark.parametrize("name", VARIANTS)
def test_file_runs_and_says_nearly_what_the_float_network_says(
    converted: Converted, name: str, work: Path, float_model: keras.Model
) -> None:
    variant = VARIANTS[name]
    photo = work / "photos" / "chelsea1.png"
    with DepthRunner(converted(name)) as runner:
        depth_m = runner.infer(photo, size="model") / 1000
        shown = depth_m > 0  # what is not the photo has no depth
        assert runner.infer(photo).shape == (128, 192)
    network = resized(float_model, variant.size)
    pixels = representative.read_pixels(photo, variant.size)[None].astype(np.float32)
    expected_m = np.clip(network.predict_on_batch(pixels)[0, ..., 0], 0, variant.max_depth_m)
    assert np.ptp(expected_m) > 2
    # Without a network of its own the answer would be a constant: 1,500 mm off at the median.
    allowed_mm = {"float32": 1, "int16x8": 40, "int8": 100}[variant.precision]
    assert shown.mean() > 0.4
    assert 1000 * np.median(np.abs(depth_m - expected_m)[shown]) < allowed_mm


def resized(model: keras.Model, size: tuple[int, int]) -> keras.Model:
    """The network at another size: `small_net` with its weights."""
    pixels = keras.Input((*size, 3))
    return keras.models.clone_model(model, input_tensors=pixels, clone_function=lambda layer: layer)


@pytest.mark.parametrize("name", VARIANTS)
def test_verification_was_measured_on_other_images(converted: Converted, name: str) -> None:
    variant, measured = VARIANTS[name], contract_of(converted(name)).verification
    used = 10 if variant.precision == "float32" else variant.calibration[0]
    assert measured["images"] == 12 - used
    assert 0 <= measured["median_mm"] <= measured["p95_mm"] <= measured["max_mm"]
    assert measured["median_mm"] < (1 if variant.precision == "float32" else 100)
    assert 0 <= measured["wrap_share"] < 0.02


def test_finer_arithmetic_measures_finer(converted: Converted) -> None:
    int8, int16x8, float32 = (
        contract_of(converted(name)).verification["mean_mm"]
        for name in ("int8", "int16x8", "float32")
    )
    assert float32 < int16x8 < int8


def test_input_range_in_place_of_rescaling_gives_the_same(converted: Converted, work: Path) -> None:
    with (
        DepthRunner(converted("int8")) as one,
        DepthRunner(converted("input range")) as other,
    ):
        for photo in sorted((work / "photos").iterdir()):
            np.testing.assert_array_equal(one.infer(photo), other.infer(photo))


@pytest.mark.parametrize("input_range", ["-1,1", "-0.9,1.05"])
def test_a_range_whose_zero_is_between_two_pixels_is_exact(
    work: Path, tmp_path: Path, input_range: str
) -> None:
    arguments = ("--int8", *TEN_METERS, "--input-range", input_range)
    assert run_convert(work, tmp_path, *arguments, model=str(work / "bare.keras")) == 0
    contract = contract_of(tmp_path / "model.tflite")
    low, high = map(float, input_range.split(","))
    assert contract.normalization.offset == pytest.approx((low,) * 3)
    assert contract.normalization.scale == pytest.approx(((high - low) / 255,) * 3)
    assert contract.verification["median_mm"] < 100


# What is done to the network first


@pytest.mark.parametrize("recipe", ["gptq", "percentile-99.99"])
def test_a_recipe_is_taken_and_named(work: Path, tmp_path: Path, recipe: str) -> None:
    assert run_convert(work, tmp_path, "--int8", *TEN_METERS, "--recipe", recipe) == 0
    report = json.loads((tmp_path / "model.json").read_text())
    assert report["recipe"] == contract_of(tmp_path / "model.tflite").recipe == recipe
    assert report["verification"]["wrap_share"] < 0.01


def test_reconstruction_costs_less_per_tensor(work: Path, tmp_path: Path) -> None:
    mean_mm = {}
    for recipe in ("minmax", "gptq"):
        arguments = ("--int8", *TEN_METERS, "--target", "teflon", "--recipe", recipe)
        assert run_convert(work, tmp_path, *arguments, "--overwrite") == 0
        report = json.loads((tmp_path / "model.json").read_text())
        mean_mm[recipe] = report["verification"]["mean_mm"]
    assert mean_mm["gptq"] < mean_mm["minmax"]


def test_photos_need_not_hold_black_and_white(work: Path, tmp_path: Path) -> None:
    photos = tmp_path / "dull"
    photos.mkdir()
    for path in (work / "photos").iterdir():
        dull = np.asarray(cv2.imread(str(path))) // 2 + 40
        cv2.imwrite(str(photos / f"{path.stem}.png"), dull.astype(np.uint8))
    assert run_convert(work, tmp_path, "--int8", *TEN_METERS, representative=str(photos)) == 0
    signature = open_interpreter((tmp_path / "model.tflite").read_bytes()).get_signature_runner()
    assert signature.get_input_details()["pixels"]["quantization"] == (pytest.approx(SCALE), -1)


# Which images it takes


def test_folder_glob_and_list_name_the_same_images(converted: Converted) -> None:
    digests = {contract_of(converted(name)).calibration for name in ("int8", "int16x8", "single")}
    assert len(digests) == 1


def test_digest_is_that_of_the_calibration_images(converted: Converted, work: Path) -> None:
    for name, samples, seed in (("int8", 100, 0), ("growing", 100, 1), ("half meters", 6, 0)):
        split = split_images(find_images(str(work / "photos")), samples=samples, seed=seed)
        digests = sorted(hashlib.sha256(p.read_bytes()).hexdigest() for p in split.calibration)
        lines = "".join(f"{digest}\n" for digest in digests)
        calibration = contract_of(converted(name)).calibration
        assert calibration is not None
        assert calibration.sha256 == hashlib.sha256(lines.encode()).hexdigest()


def test_seed_decides_which_images_calibrate(converted: Converted) -> None:
    one, other = (contract_of(converted(name)).calibration for name in ("int8", "growing"))
    assert one is not None and other is not None
    assert one.sha256 != other.sha256


def test_the_same_call_makes_the_same_model_from_disjoint_images(
    converted: Converted, work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calibrated = record_reads(representative, monkeypatch)
    verified = record_reads(fidelity, monkeypatch)
    assert run_convert(work, tmp_path, "--int8", *TEN_METERS) == 0
    assert (len(set(calibrated)), len(set(verified))) == (10, 2)
    assert set(calibrated) | set(verified) == set((work / "photos").iterdir())
    one, other = (contract_of(path) for path in (converted("int8"), tmp_path / "model.tflite"))
    assert one == other
    assert converted("int8").read_bytes() == (tmp_path / "model.tflite").read_bytes()


def record_reads(module: Any, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The images that a module reads from now on."""
    paths: list[Path] = []
    read = module.read_pixels

    def recorded(path: Path, size: tuple[int, int], fit: str) -> Array:
        paths.append(path)
        return np.asarray(read(path, size, fit))

    monkeypatch.setattr(module, "read_pixels", recorded)
    return paths


def test_table_says_what_was_made(
    work: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run_convert(work, tmp_path, "--float32", *TEN_METERS) == 0
    printed = capfd.readouterr().out
    measured = contract_of(tmp_path / "model.tflite").verification
    for words in (
        f"{tmp_path / 'model.tflite'} (0.0",
        "64x96 RGB",
        "integer, fractional",
        "0 - 10 m",
        "2 other images",
        f"{measured['median_mm']:.1f}, {measured['mean_mm']:.1f} mm",
    ):
        assert words in printed
    assert len(printed.splitlines()) < 20


@pytest.mark.parametrize("recipe", ["minmax", "mse", "split-gptq", "double-gptq", "cle-gptq"])
def test_every_kind_of_recipe_gives_kernels_of_one_scale(
    work: Path, tmp_path: Path, recipe: str
) -> None:
    arguments = ("--int8", *TEN_METERS, "--target", "stm32mp2", "--recipe", recipe)
    assert run_convert(work, tmp_path, *arguments) == 0
    operators = read_operators((tmp_path / "model.tflite").read_bytes())
    assert {len(each.weight_scales) for each in operators if each.weight_scales} == {1}


def test_a_transposed_convolution_has_one_scale_as_well(work: Path, tmp_path: Path) -> None:
    pixels = keras.Input((*SIZE, 3))
    x = keras.layers.Rescaling(SCALE, OFFSET)(pixels)
    x = keras.layers.Conv2D(12, 3, strides=2, padding="same", activation="relu6")(x)
    x = keras.layers.Conv2DTranspose(8, 2, strides=2, activation="relu6")(x)
    model = keras.Model(pixels, keras.layers.Conv2D(1, 1, name="depth")(x))
    path = tmp_path / "transposed.keras"
    seeded(model, sorted((work / "photos").iterdir())).save(path)
    arguments = ("--int8", *TEN_METERS, "--target", "stm32mp2", "--recipe", "minmax")
    assert run_convert(work, tmp_path, *arguments, model=str(path)) == 0
    content = (tmp_path / "model.tflite").read_bytes()
    found = {each.kind: len(each.weight_scales) for each in read_operators(content)}
    assert found["TRANSPOSE_CONV"] == 1
    assert contract_of(tmp_path / "model.tflite").verification["median_mm"] < 200


# The camera of training, and the fit of the photos


def converted_with(work: Path, folder: Path, *options: str, model: str = "small.keras") -> Contract:
    arguments = ("--float32", *TEN_METERS, *options)
    assert run_convert(work, folder, *arguments, model=str(work / model)) == 0
    return contract_of(folder / "model.tflite")


def test_camera_of_training_pictures_follows_the_fit(work: Path, tmp_path: Path) -> None:
    height, width = SIZE
    size = f"{4 * width}x{2 * height}"
    contract = converted_with(
        work, tmp_path, "--intrinsics", f"400,400,{2 * width - 0.5},{height - 0.5}@{size}"
    )
    assert (contract.fit, contract.camera is not None) == ("pad", True)
    assert contract.camera is not None and contract.camera.zoom_response is not None
    # All of the width is shown: a quarter of the pixels.
    assert (contract.camera.fx, contract.camera.fy) == pytest.approx((100, 100))
    assert contract.camera.cx == pytest.approx((width - 1) / 2)
    assert not contract.camera.obeys


def test_field_of_view_is_that_of_the_input(work: Path, tmp_path: Path) -> None:
    contract = converted_with(work, tmp_path, "--fov", "90", "--fit", "crop")
    assert contract.fit == "crop"
    assert contract.camera is not None
    assert contract.camera.fx == contract.camera.fy == pytest.approx(SIZE[1] / 2)


def test_trained_network_says_its_camera_in_the_file_beside_it(work: Path, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "model.keras").write_bytes((work / "small.keras").read_bytes())
    height, width = SIZE
    camera = {"fx": 80.0, "fy": 82.0, "cx": 40.0, "cy": 30.0, "height": height, "width": width}
    metrics = tmp_path / "in" / "metrics.json"
    model = str(tmp_path / "in" / "model.keras")
    metrics.write_text(json.dumps({"camera": camera}))
    found = converted_with(work, tmp_path, model=model).camera
    assert found is not None
    assert (found.fx, found.fy, found.cx, found.cy) == (80.0, 82.0, 40.0, 30.0)
    metrics.write_text(json.dumps({"camera": None}))
    assert converted_with(work, tmp_path, "--overwrite", model=model).camera is None
    metrics.write_text(json.dumps({"camera": {"fx": 80.0}}))
    options = ("--float32", *TEN_METERS, "--overwrite")
    assert run_convert(work, tmp_path, *options, model=model) == 1
