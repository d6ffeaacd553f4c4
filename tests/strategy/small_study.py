"""A small float network of meters as a .tflite, a dataset for it, and results to report on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tests.converters.head.networks import RELU6, Net
from tests.support.synthetic_data import write_frame
from tfl_depth.converters.graph import Graph, GraphRunner, constant, write_graph
from tfl_depth.converters.graph.kernels import kernel_of, set_bias, set_kernel
from tfl_depth.data import Sample, load_split
from tfl_depth.data.augment import plain
from tfl_depth.evaluation.bootstrap import Change
from tfl_depth.recipes import RECIPES
from tfl_depth.runtime.preprocess import resize_pixels
from tfl_depth.strategy.banding import Banding
from tfl_depth.strategy.calibrated_graph import CalibratedGraph, calibrated_graph
from tfl_depth.strategy.deviation import DepthDeviation
from tfl_depth.strategy.experiments import EXPERIMENTS, Experiment
from tfl_depth.strategy.finetune_heads import ridge_regression
from tfl_depth.strategy.results import (
    QUICK,
    ErrorBudget,
    ExperimentResult,
    KernelSensitivity,
    LayerSensitivity,
    MapSensitivity,
    NpuEstimate,
    RangeFigures,
    SourceFigures,
    StudyResults,
)
from tfl_depth.strategy.study_input import NetworkOptions, StudyInput, open_study_input
from tfl_depth.strategy.study_network import ImportRecord, StudyNetwork

SIZE = (32, 48)
MAX_DEPTH_M = 8.0

Inputs = list[npt.NDArray[np.float32]]


def small_graph(samples: Sequence[Sample]) -> Graph:
    """From pixels to the depth of samples, through convolutions; one filter is much too large."""
    net = Net(SIZE)
    x = net.binary("ADD", net.binary("MUL", net.image, 1 / 128), -127 / 128)
    x = net.depthwise(net.conv(x, 12, 3, activation=RELU6))
    x = net.conv(x, 16, 1, activation=RELU6, stride=2)
    spread = kernel_of(net.graph.operators[-1]).constant.copy()
    spread[0] *= 200
    set_kernel(net.graph.operators[-1], constant("spread", spread))
    features = net.resize(net.conv(x, 16, 1, activation=RELU6), *SIZE)
    graph = net.finish(depth=net.conv(features))
    (source,) = graph.inputs.values()
    runner = GraphRunner(graph, [features])
    pairs = [plain(sample, SIZE) for sample in samples]
    found = [runner({source: pixels[None]})[features] for pixels, _ in pairs]
    depths = np.stack([depth_m for _, depth_m in pairs])
    kernel, bias = ridge_regression(np.concatenate(found), {"depth": depths}, ridge=0.03)["depth"]
    set_kernel(graph.operators[-1], constant("depth_kernel", kernel.reshape(1, 1, 1, -1)))
    set_bias(graph.operators[-1], constant("depth_bias", bias))
    return graph


def write_planes(folder: Path, frames: dict[str, int]) -> Path:
    """Write a dataset of planes, nearer at the bottom as floors are, and brighter where nearer."""
    for name in ("rgb", "depth"):
        (folder / name).mkdir(parents=True)
    rng = np.random.default_rng(0)
    for split, count in frames.items():
        names = [f"{split}{number}" for number in range(count)]
        (folder / f"{split}.txt").write_text("\n".join(names) + "\n", encoding="utf-8")
        for name in names:
            across = np.linspace(0, rng.uniform(0, 1500), 2 * SIZE[1])
            down = np.linspace(rng.uniform(500, 3000), 0, 2 * SIZE[0])
            depth_mm = 1000 + across[None] + down[:, None]
            noise = rng.normal(0, 8, (*depth_mm.shape, 3))
            rgb = np.clip(250 - depth_mm[..., None] / 25 + noise, 0, 255).astype(np.uint8)
            write_frame(folder, name, rgb, depth_mm.astype(np.uint16))
    return folder


def write_study(folder: Path, *, options: NetworkOptions | None = None) -> StudyInput:
    """Write a dataset and a network that has learned it, and open them as a study."""
    data = write_planes(folder / "data", {"train": 20, "val": 4})
    source = folder / "small.tflite"
    source.write_bytes(write_graph(small_graph(load_split("pairs", data, "train"))))
    return open_study_input(
        source, "pairs", data, "val", options=options, max_depth_m=MAX_DEPTH_M, effort=QUICK
    )


def study_network(study_input: StudyInput) -> StudyNetwork:
    """The study's network, opened with its calibration photos."""
    samples = load_split("pairs", study_input.data, "train")[:8]

    def read_photos(size: tuple[int, int]) -> list[npt.NDArray[np.uint8]]:
        return [resize_pixels(sample.rgb, size) for sample in samples]

    record = ImportRecord("tflite", "tflite", 0.0)
    return StudyNetwork(study_input.source.read_bytes(), study_input.options, record, read_photos)


def calibrated(network: StudyNetwork) -> tuple[CalibratedGraph, Inputs]:
    """The network with the split and its ranges, and its photos as its graph takes them."""
    as_input = network.opened().stage.network_input
    inputs = [as_input(photo) for photo in network.read_photos(network.size)]
    made = calibrated_graph(
        network,
        inputs,
        head="split",
        max_depth_m=MAX_DEPTH_M,
        recipe=RECIPES["minmax"],
        per_channel=True,
        progress=lambda items, _total, _what: items,
    )
    return made, inputs


def result(experiment: Experiment, median_mm: float) -> ExperimentResult:
    """What an experiment might have measured."""
    share = median_mm / 1000
    return ExperimentResult(
        experiment=experiment,
        metrics={"abs_rel": 0.1 + share, "rmse": 0.5, "delta1": 0.9},
        change={
            name: Change(share, share / 2, 2 * share) for name in ("abs_rel", "rmse", "delta1")
        },
        deviation=DepthDeviation(median_mm, median_mm, 3 * median_mm, 9.0, share, 3 * share, 0.0),
        banding=Banding(0.5, 4.0, 2.0, 500),
        bytes=2048,
        time_of_float32=0.5,
        npu={"ethos-u65-512": NpuEstimate(0, 2.5)},
        flicker_mm=3.5,
    )


def results(medians_mm: dict[str, float], left_out: dict[str, str] | None = None) -> StudyResults:
    """Results of a study of which experiments, by id, measured these median deviations."""
    by_id = {each.id: each for each in EXPERIMENTS}
    figures = SourceFigures(result(by_id["fp32"], 5.0).deviation, Change(0.1, 0.0, 0.2))
    both = {"per_channel": figures, "per_tensor": figures}
    kernels = KernelSensitivity(9.0, {"a/one": 8.0, "a/two": 1.0}, {"a/one": 1.0}, ("a/one",), {})
    over = RangeFigures(1.0, {"per_channel": 2.0, "per_tensor": 3.0})
    return StudyResults(
        tool="tfl-depth 0",
        network="example",
        source="tflite (tflite)",
        import_difference_mm=0.25,
        dataset="nyuv2",
        split="val",
        images=7,
        max_depth_m=10.0,
        head="split",
        effort=QUICK,
        source_sha256="0" * 64,
        experiments={name: result(by_id[name], mm) for name, mm in medians_mm.items()},
        left_out=left_out or {},
        sensitivity=LayerSensitivity(
            {"a/one": "CONV_2D", "a/two": "CONV_2D"},
            {"per_channel": kernels, "per_tensor": kernels},
            MapSensitivity(4.0, {"a/one": 3.0}),
        ),
        budget=ErrorBudget(
            both,
            figures,
            both,
            {"single": figures, "split": figures},
            {"10": {"single": over, "split": over}},
        ),
    )
