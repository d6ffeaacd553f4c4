"""`tfl-depth inspect`, on networks whose figures were worked out by hand."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from tests.support.float_tflite import float_tflite
from tests.support.small_net import SCALE, SIZE, run_convert, write_examples
from tfl_depth.converters.metadata import with_metadata
from tfl_depth.converters.tflite_facts import TensorSpec, read_facts
from tfl_depth.errors import ModelFileError
from tfl_depth.evaluation.macs import count_macs
from tfl_depth.format.contract import read_contract
from tfl_depth.format.contract_place import METADATA_NAME as CONTRACT_NAME
from tfl_depth.format.contract_place import digest_place, find_contract, find_metadata, with_digest
from tfl_depth.format.golden import METADATA_NAME
from tfl_depth.format.signing import new_key_pair, sign
from tfl_depth.tools import inspect

ROOT = Path(__file__).resolve().parents[2]
SIDE = 8


# Multiply-accumulates


def network(*stack: Any, size: tuple[int | None, ...] = (SIDE, SIDE, 3)) -> keras.Model:
    pixels = x = keras.Input(batch_shape=(1, *size), name="pixels")
    for layer in stack:
        x = layer(x)
    return keras.Model(pixels, {"depth": x})


def shared() -> keras.Model:
    """One convolution, on 64 positions and then on 16."""
    convolution = layers.Conv2D(3, 3, padding="same")
    return network(convolution, layers.MaxPooling2D(2), convolution)


def nested() -> keras.Model:
    """A model of any size inside one of a fixed size."""
    inner = keras.Input((None, None, 3))
    return network(
        keras.Model(inner, layers.Conv2D(5, 3, padding="same")(inner)), layers.Conv2D(1, 1)
    )


# MACs by hand, kernel elements x positions.
NETWORKS: dict[str, tuple[Callable[[], keras.Model], int]] = {
    "same": (lambda: network(layers.Conv2D(4, 3, padding="same")), 3 * 3 * 3 * 4 * 64),
    "valid": (lambda: network(layers.Conv2D(4, 3)), 3 * 3 * 3 * 4 * 36),
    "strided": (lambda: network(layers.Conv2D(4, 3, 2, padding="same")), 3 * 3 * 3 * 4 * 16),
    "1x1": (lambda: network(layers.Conv2D(7, 1)), 3 * 7 * 64),
    "5x3": (lambda: network(layers.Conv2D(2, (5, 3))), 5 * 3 * 3 * 2 * 4 * 6),
    "dilated": (lambda: network(layers.Conv2D(4, 3, dilation_rate=2)), 3 * 3 * 3 * 4 * 16),
    "depthwise": (lambda: network(layers.DepthwiseConv2D(3, padding="same")), 3 * 3 * 3 * 64),
    "depth multiplier": (
        lambda: network(layers.DepthwiseConv2D(3, depth_multiplier=2)),
        3 * 3 * 3 * 2 * 36,
    ),
    "separable": (
        lambda: network(layers.SeparableConv2D(6, 3, padding="same")),
        (3 * 3 * 3 + 3 * 6) * 64,
    ),
    "transposed": (
        lambda: network(layers.Conv2DTranspose(4, 3, 2, padding="same")),
        3 * 3 * 3 * 4 * 64,
    ),
    "dense": (lambda: network(layers.Flatten(), layers.Dense(5)), 8 * 8 * 3 * 5),
    "dense on pixels": (lambda: network(layers.Dense(5)), 3 * 5 * 64),
    "with normalization": (
        lambda: network(
            layers.Rescaling(1 / 255),
            layers.Conv2D(4, 3, padding="same", use_bias=False),
            layers.BatchNormalization(),
            layers.ReLU(6),
            layers.UpSampling2D(),
            layers.Conv2D(1, 1),
        ),
        3 * 3 * 3 * 4 * 64 + 4 * 256,
    ),
    "shared": (shared, 3 * 3 * 3 * 3 * (64 + 16)),
    "nested": (nested, 3 * 3 * 3 * 5 * 64 + 5 * 64),
}


@pytest.mark.parametrize(("make", "macs"), NETWORKS.values(), ids=NETWORKS)
def test_macs_are_counted_alike_in_both_kinds_of_file(
    make: Callable[[], keras.Model], macs: int
) -> None:
    model = make()
    assert count_macs(model) == macs
    content = float_tflite(model)
    assert read_facts(content).macs == macs


def test_groups_see_a_share_of_the_channels() -> None:
    model = network(layers.Conv2D(4, 3, groups=2, padding="same"), size=(SIDE, SIDE, 6))
    assert count_macs(model) == 3 * 3 * 3 * 4 * 64


def test_channels_may_come_first() -> None:
    convolution = layers.Conv2D(4, 3, padding="same", data_format="channels_first")
    assert count_macs(network(convolution, size=(3, 6, 5))) == 3 * 3 * 3 * 4 * 30


def test_a_batch_that_is_open_counts_once_and_one_that_is_fixed_as_often() -> None:
    for batch, times in ((None, 1), (1, 1), (4, 4)):
        pixels = keras.Input(batch_shape=(batch, SIDE, SIDE, 3))
        assert count_macs(keras.Model(pixels, layers.Conv2D(2, 1)(pixels))) == times * 3 * 2 * 64


def test_a_sequential_counts_like_any_graph() -> None:
    assert count_macs(keras.Sequential([keras.Input((SIDE, SIDE, 3)), layers.Dense(2)])) == 6 * 64


def test_counting_leaves_no_trace_in_the_graph() -> None:
    model = nested()
    nodes = [len(layer._inbound_nodes) for layer in model.layers]
    count_macs(model)
    assert [len(layer._inbound_nodes) for layer in model.layers] == nodes


@pytest.mark.parametrize(
    "make",
    [
        lambda: network(layers.Conv2D(4, 3), size=(None, None, 3)),
        lambda: network(layers.Reshape((64, 3)), layers.LSTM(4)),
        lambda: network(layers.EinsumDense("bhwc,cd->bhwd", (8, 8, 4))),
        lambda: network(layers.TimeDistributed(layers.Conv1D(4, 3))),
    ],
    ids=["any size", "recurrent", "einsum", "wrapped"],
)
def test_macs_that_cannot_be_known_are_not_guessed(make: Callable[[], keras.Model]) -> None:
    assert count_macs(make()) is None


def test_macs_of_a_file_for_any_size_are_not_guessed() -> None:
    pixels = keras.Input(batch_shape=(1, None, None, 3), name="pixels")
    model = keras.Model(pixels, {"depth": layers.Conv2D(1, 1)(pixels)})
    content = float_tflite(model)
    graph = read_facts(content)
    assert graph.inputs == (TensorSpec("pixels", (1, None, None, 3), "float32"),)
    assert graph.macs is None


# Parameters


def test_parameters_of_a_file_are_its_weights_with_normalization_folded_in() -> None:
    model = NETWORKS["with normalization"][0]()
    weights = 3 * 3 * 3 * 4 + 4 + 1
    assert model.count_params() == weights + 4 * 4
    content = float_tflite(model)
    graph = read_facts(content)
    # A bias for each of the four channels; and the two constants of the rescaling.
    assert weights + 4 <= (graph.parameters or 0) <= weights + 4 + 2


# The command


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_examples(tmp_path_factory.mktemp("work"))
    assert run_convert(folder, folder, "--int8", "--max-depth", "10") == 0
    return folder


def result(capsys: pytest.CaptureFixture[str], path: Path) -> dict[str, Any]:
    capsys.readouterr()
    assert inspect.main([str(path), "--json"]) == 0
    return dict(json.loads(capsys.readouterr().out))


HEIGHT, WIDTH = SIZE
FINE = 3 * 3 * 3 * 12 * HEIGHT * WIDTH
COARSE = 3 * 3 * 12 * 12 * (HEIGHT // 2) * (WIDTH // 2)


def test_a_keras_file(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = work / "small.keras"
    found = result(capsys, path)
    (source,) = found.pop("inputs")
    assert (source["shape"], source["dtype"]) == ([None, HEIGHT, WIDTH, 3], "float32")
    assert found == {
        "model": str(path),
        "bytes": path.stat().st_size,
        "outputs": [{"name": "depth", "shape": [None, HEIGHT, WIDTH, 1], "dtype": "float32"}],
        "parameters": (27 + 1) * 12 + (108 + 1) * 12 + 12 + 1,
        "macs": FINE + COARSE + 12 * HEIGHT * WIDTH,
    }


def test_a_tflite_file(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = work / "model.tflite"
    found = result(capsys, path)
    operators = found.pop("operators")
    # The thermometer has a filter a span, and two sums are made of it.
    head = (12 * 10 + 2 * 10) * HEIGHT * WIDTH
    assert operators["CONV_2D"] == 5
    assert operators["ADD"] == operators["RESIZE_BILINEAR"] == 1
    content = path.read_bytes()
    sha256, contract = found["contract"]["sha256"], read_contract(content)
    assert found.pop("contract") == json.loads(contract.to_json(sha256))
    assert found.pop("input_range") == [pytest.approx([-127 * SCALE, 128 * SCALE])] * 3
    assert found.pop("steps_mm") == list(contract.spans.steps_mm)
    assert (found.pop("signed"), found.pop("signature_is_right")) == (False, None)
    costs, tensors, sizes = (found.pop(name) for name in ("costs", "tensors", "sizes"))
    assert [cost["kind"] for cost in costs if cost["macs"]] == ["CONV_2D"] * 5
    assert sum(cost["macs"] for cost in costs) == found["macs"]
    fine = next(cost for cost in costs if cost["kind"] == "CONV_2D")
    assert (fine["shape"], fine["macs"]) == ([1, HEIGHT, WIDTH, 12], FINE)
    assert fine["result_bytes"] == HEIGHT * WIDTH * 12
    assert fine["weight_bytes"] == 27 * 12 + 4 * 12  # biases have 32 bits
    assert tensors["largest_bytes"] == HEIGHT * WIDTH * 12
    assert set(tensors["types"]) == {"int8", "int32"}
    assert sizes["weights"] == tensors["weight_bytes"] > (27 + 108 + 1) * 12
    _, golden_bytes = find_metadata(content, METADATA_NAME) or (0, 0)
    assert sizes["golden"] == golden_bytes > 1000
    assert sum(sizes.values()) == len(content) and sizes["rest"] > 0
    shape = [1, HEIGHT, WIDTH, 1]
    outputs = sorted(found.pop("outputs"), key=lambda output: str(output["name"]))
    assert outputs == [
        {"name": name, "shape": shape, "dtype": "int8"} for name in ("fractional", "integer")
    ]
    assert found == {
        "model": str(path),
        "bytes": path.stat().st_size,
        "inputs": [{"name": "pixels", "shape": [1, HEIGHT, WIDTH, 3], "dtype": "int8"}],
        "parameters": (27 + 1) * 12 + (108 + 1) * 12 + 13 * 10 + 2 * 11,
        "macs": FINE + COARSE + head,
    }


def test_the_table_says_it_too(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert inspect.main([str(work / "model.tflite")]) == 0
    text = capsys.readouterr().out
    for words in (
        "pixels 1x64x96x3 int8",
        "integer 1x64x96x1 int8",
        "CONV_2D",
        "split (integer, fractional)",
        "0 to 10 m",
        "10, edges at 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 m",
        "3.92 mm",
        "-0.992188 to 1 for pixels 0 to 255",
        "recipe            gptq",
        "10 images, seed 0",
        "2, none of them calibrated with",
        "signature         none",
        "golden vectors    2 photos",
    ):
        assert words in text


def test_a_file_without_a_contract(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "other.tflite"
    model = network(layers.Conv2D(4, 3))
    path.write_bytes(float_tflite(model))
    found = result(capsys, path)
    assert found["contract"] is found["input_range"] is found["steps_mm"] is None
    assert found["operators"] == {"CONV_2D": 1}
    assert found["macs"] == 3 * 3 * 3 * 4 * 36
    assert inspect.main([str(path)]) == 0
    assert "none: `tfl-depth convert` did not make this file" in capsys.readouterr().out


def test_a_file_without_a_signature_names_its_tensors(tmp_path: Path) -> None:
    @tf.function(input_signature=[tf.TensorSpec((1, 4), tf.float32, name="given")])  # type: ignore[untyped-decorator]
    def double(given: Any) -> Any:
        return 2 * given

    converter = tf.lite.TFLiteConverter.from_concrete_functions([double.get_concrete_function()])
    graph = read_facts(bytes(converter.convert()))
    assert [door.name for door in graph.inputs] == ["given"]
    assert graph.macs == 0


def test_what_a_compiler_has_packed_is_unknown(
    work: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    subprocess.run(
        [sys.executable, "-m", "ethosu.vela", work / "model.tflite", "--accelerator-config",
         "ethos-u55-256", "--output-dir", tmp_path],
        capture_output=True, check=True,
    )  # fmt: skip
    compiled = tmp_path / "model_vela.tflite"
    compiled.write_bytes(with_digest(compiled.read_bytes()))
    graph = read_facts(compiled.read_bytes())
    assert graph.macs is None
    assert graph.parameters is None
    assert graph.operators == {"CUSTOM ethos-u": 1}
    capsys.readouterr()
    assert inspect.main([str(compiled), "--html", str(tmp_path / "m.html")]) == 0
    assert "a compiler has packed operators into one" in capsys.readouterr().out
    assert "CUSTOM ethos-u" in (tmp_path / "m.html").read_text()


def test_it_runs_from_a_checkout_beside_the_standard_librarys_inspect(
    work: Path, tmp_path: Path
) -> None:
    """Keras, which is loaded for it, imports `inspect`, and must not get the command."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [ROOT / "tools" / "inspect", work / "small.keras"],
        cwd=tmp_path, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert f"{FINE + COARSE + 12 * HEIGHT * WIDTH:,}" in done.stdout


# Signatures


@pytest.fixture(scope="module")
def signed(work: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of a signed model, the public key and another one."""
    folder = tmp_path_factory.mktemp("signed")
    private, public = new_key_pair()
    (folder / "signed.tflite").write_bytes(sign((work / "model.tflite").read_bytes(), private))
    (folder / "public.pem").write_bytes(public)
    (folder / "other.pem").write_bytes(new_key_pair()[1])
    return folder


def test_signature_is_said_and_checked(signed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model, key = str(signed / "signed.tflite"), ["--public-key", str(signed / "public.pem")]
    for arguments, words, right in (
        ([], "there is one; --public-key checks it", None),
        (key, "by this key", True),
    ):
        assert inspect.main([model, *arguments]) == 0
        assert f"signature         {words}\n" in capsys.readouterr().out
        assert inspect.main([model, *arguments, "--json"]) == 0
        found = json.loads(capsys.readouterr().out)
        assert (found["signed"], found["signature_is_right"]) == (True, right)


@pytest.mark.parametrize(
    ("model", "key", "words"),
    [
        ("signed.tflite", "other.pem", "made with another key"),
        ("model.tflite", "public.pem", "not signed"),
        ("small.keras", "public.pem", "Only a .tflite file is signed"),
        ("signed.tflite", "absent.pem", "absent.pem"),
    ],
)
def test_signature_that_is_not_the_keys_is_an_error(
    signed: Path, work: Path, model: str, key: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = signed if model == "signed.tflite" else work
    assert inspect.main([str(folder / model), "--public-key", str(signed / key)]) == 1
    shown = capsys.readouterr()
    assert shown.out == "" and words in shown.err and shown.err.count("\n") == 1


# The page


class Page(HTMLParser):
    """Checks that every tag is closed where it must be, and keeps what there is."""

    def __init__(self, content: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(content)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in {"meta"}:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_page_says_what_the_table_says_and_needs_nothing_else(
    work: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = tmp_path / "<b> & co.tflite"
    model.write_bytes((work / "model.tflite").read_bytes())
    assert inspect.main([str(model), "--html", str(tmp_path / "page.html")]) == 0
    table = capsys.readouterr().out
    content = (tmp_path / "page.html").read_text(encoding="utf-8")
    page = Page(content)
    for line in filter(None, table.splitlines()):
        assert (line[20:] if line.startswith("  ") else line) in page.text, line
    assert "b" not in {tag for tag, _ in page.tags}
    named = {name for _, attributes in page.tags for name in attributes}
    assert not named & {"src", "href", "srcset", "data", "action"} and "url(" not in content
    assert not {"script", "link", "img", "iframe"} & {tag for tag, _ in page.tags}


def test_page_has_a_bar_for_each_span_and_two_for_each_operator(
    work: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = work / "model.tflite"
    costs = result(capsys, model)["costs"]
    assert inspect.main([str(model), "--html", str(tmp_path / "page.html")]) == 0
    page = Page((tmp_path / "page.html").read_text())
    bars = [attributes for tag, attributes in page.tags if tag == "rect"]
    spans, operators = bars[:10], bars[10:]
    widths = [float(str(bar["width"])) for bar in spans]
    assert widths == pytest.approx([widths[0]] * 10, abs=0.11)
    assert len(operators) == 2 * len(costs)
    macs = np.array([float(str(bar["width"])) for bar in operators[::2]])
    expected = np.array([cost["macs"] for cost in costs])
    np.testing.assert_allclose(macs / macs.max(), expected / expected.max(), atol=1e-3)


def test_page_of_a_keras_file(work: Path, tmp_path: Path) -> None:
    assert inspect.main([str(work / "small.keras"), "--html", str(tmp_path / "page.html")]) == 0
    page = Page((tmp_path / "page.html").read_text())
    assert f"{FINE + COARSE + 12 * HEIGHT * WIDTH:,}" in page.text


def test_page_that_cannot_be_written_is_an_error(
    work: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "absent" / "page.html"
    assert inspect.main([str(work / "small.keras"), "--html", str(page)]) == 1
    shown = capsys.readouterr()
    assert shown.out == "" and f"There is no folder {page.parent}" in shown.err


# Errors


@pytest.fixture
def bad(work: Path, tmp_path: Path) -> Path:
    """A folder of files that are no models."""
    content = (work / "model.tflite").read_bytes()
    (tmp_path / "text.tflite").write_text("Not a model, but a text.")
    (tmp_path / "empty.tflite").write_bytes(b"")
    (tmp_path / "cut.tflite").write_bytes(content[: len(content) // 2])
    changed = content[:-9] + bytes([content[-9] ^ 1]) + content[-8:]
    (tmp_path / "changed.tflite").write_bytes(changed)
    (tmp_path / "text.keras").write_text("Not a model, but a text.")
    (tmp_path / "model.onnx").write_bytes(content)
    (tmp_path / "folder.tflite").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("absent.tflite", "There is no model"),
        ("absent.keras", "There is no model"),
        ("folder.tflite", "There is no model"),
        ("model.onnx", "a .keras or a .tflite file, got"),
        ("text.tflite", "not a TensorFlow Lite model"),
        ("empty.tflite", "not a TensorFlow Lite model"),
        ("cut.tflite", "damaged"),
        ("changed.tflite", "damaged"),
        ("text.keras", "not a .keras file"),
    ],
)
def test_bad_input_is_one_clear_error(
    bad: Path, name: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert inspect.main([str(bad / name)]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: ")
    assert message in captured.err
    assert captured.err.count("\n") == 1


def test_a_damaged_graph_is_refused() -> None:
    model = network(layers.Conv2D(4, 3))
    content = float_tflite(model)
    broken = bytearray(content)
    # The offset of the root table leads out of the file.
    broken[:4] = np.uint32(len(content)).tobytes()
    with pytest.raises(ModelFileError, match="damaged"):
        read_facts(bytes(broken))


# Files from elsewhere


def test_a_contract_from_elsewhere_is_shown_or_refused_without_a_traceback(
    work: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The runtime reads little of a contract, and what it does not read may hold anything."""
    content = (work / "model.tflite").read_bytes()
    start, length = find_contract(content) or (0, 0)
    whole = json.loads(content[start : start + length])
    harm: list[dict[str, Any]] = [
        {"verification": dict.fromkeys(whole["verification"], value)}
        for value in ("many", None, [1], {"a": 1}, True, 1e400)
    ]
    harm += [{"verification": {"images": 1}}, {"outputs": 7}, {"outputs": [[]]}]
    harm += [{"tool": "\x1b]0;owned\x07\x1b[2Jclean\u202e"}, {"calibration": {}}, {"signature": 5}]
    harm += [{"golden": {**whole["golden"], "median_mm": "8"}}]
    path = tmp_path / "from elsewhere.tflite"
    for changes in harm:
        text = json.dumps({**whole, **changes}).replace('"sha256": "', '"sha256":"')
        path.write_bytes(with_digest(with_metadata(content, CONTRACT_NAME, text.encode())))
        capsys.readouterr()
        status = inspect.main([str(path), "--html", str(tmp_path / "m.html")])
        said = capsys.readouterr()
        shown = said.out + said.err
        assert status == (1 if said.err else 0), changes
        assert "\x1b" not in shown and "\x07" not in shown and "\u202e" not in shown, changes


def test_the_digest_that_is_shown_is_the_one_that_was_checked(
    work: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A document may hold the field twice, and JSON takes the last."""
    content = (work / "model.tflite").read_bytes()
    start, length = find_contract(content) or (0, 0)
    text = content[start : start + length - 1] + b',"sha256":"' + b"f" * 64 + b'"}'
    path = tmp_path / "twice.tflite"
    path.write_bytes(with_digest(with_metadata(content, CONTRACT_NAME, text)))
    status = inspect.main([str(path)])
    said = capsys.readouterr()
    assert "f" * 64 not in said.out + said.err
    if status == 0:
        place = digest_place(path.read_bytes())
        assert f"{path.read_bytes()[place].decode()}, right" in said.out
