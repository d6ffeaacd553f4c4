"""Runs in the environment of ONNX: networks as .onnx, and what onnxruntime gives for an input.

python make_onnx.py FOLDER
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

SIZE = (32, 48)


def weights(name: str, *shape: int) -> Any:
    """A seeded constant."""
    rng = np.random.default_rng(len(name))
    return numpy_helper.from_array(rng.normal(0, 0.2, shape).astype(np.float32), name)


def network(shape: list[Any], kind: int = TensorProto.FLOAT) -> Any:
    """A convolution, an upsampling, disparities at two scales; outputs not in order of names."""
    nodes = [
        helper.make_node("Cast", ["image"], ["pixels"], to=TensorProto.FLOAT),
        helper.make_node("Conv", ["pixels", "kernel", "bias"], ["x"], pads=[1] * 4, strides=[2, 2]),
        helper.make_node("Elu", ["x"], ["features"]),
        helper.make_node("Conv", ["features", "last"], ["y"]),
        helper.make_node("Sigmoid", ["y"], ["/a/coarse"]),
        helper.make_node("Resize", ["y", "", "scales"], ["up"], mode="linear"),
        helper.make_node("Sigmoid", ["up"], ["/z/fine"]),
    ]
    constants = [
        weights("kernel", 8, 3, 3, 3),
        weights("bias", 8),
        weights("last", 1, 8, 1, 1),
        numpy_helper.from_array(np.array([1, 1, 2, 2], np.float32), "scales"),
    ]
    outputs = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 1, "h", "w"])
        for name in ("/z/fine", "/a/coarse")
    ]
    inputs = [helper.make_tensor_value_info("image", kind, shape)]
    graph = helper.make_graph(nodes, "net", inputs, outputs, constants)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(made)
    return made


def planes() -> Any:
    """Three equal cuts along the channels, enlarged one by one, as in BTS."""
    nodes = [
        helper.make_node("Conv", ["image", "kernel"], ["y"], strides=[4, 4]),
        helper.make_node("ReduceL2", ["y"], ["norm"], axes=[1]),
        helper.make_node("Div", ["y", "norm"], ["x"]),
    ]
    constants = [weights("kernel", 3, 3, 4, 4)]
    for name, number in (("axis", 1), ("zero", 0), ("one", 1), ("two", 2), ("three", 3)):
        constants.append(numpy_helper.from_array(np.array([number], np.int64), name))
    constants.append(numpy_helper.from_array(np.array([1, 1, 4, 4], np.float32), "scales"))
    for place, (start, end) in enumerate((("zero", "one"), ("one", "two"), ("two", "three"))):
        nodes.append(helper.make_node("Slice", ["x", start, end, "axis"], [f"cut_{place}"]))
        nodes.append(
            helper.make_node(
                "Resize",
                [f"cut_{place}", "", "scales"],
                [f"up_{place}"],
                coordinate_transformation_mode="asymmetric",
                nearest_mode="floor",
            )
        )
    nodes.append(helper.make_node("Mul", ["up_0", "up_1"], ["product"]))
    nodes.append(helper.make_node("Add", ["product", "up_2"], ["depth"]))
    shape = [1, 3, *SIZE]
    inputs = [helper.make_tensor_value_info("image", TensorProto.FLOAT, shape)]
    outputs = [helper.make_tensor_value_info("depth", TensorProto.FLOAT, ["n", 1, "h", "w"])]
    graph = helper.make_graph(nodes, "planes", inputs, outputs, constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def expected(file: Path, image: Any) -> None:
    """Write beside a file what it gives."""
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    np.savez(file.with_suffix(".npz"), *session.run(None, {"image": image}))


def main(folder: Path) -> None:
    """Write all files."""
    image = np.random.default_rng(0).random((1, 3, *SIZE), np.float32)
    np.save(folder / "image.npy", image)
    for name, shape in (("fixed", [1, 3, *SIZE]), ("any_size", ["batch", 3, "height", "width"])):
        onnx.save(network(shape), folder / f"{name}.onnx")
        expected(folder / f"{name}.onnx", image)
    onnx.save(planes(), folder / "planes.onnx")
    expected(folder / "planes.onnx", image)
    broken = network([1, 3, *SIZE])
    values = np.full((8, 3, 3, 3), np.nan, np.float32)
    broken.graph.initializer[0].CopyFrom(numpy_helper.from_array(values, "kernel"))
    onnx.save(broken, folder / "nan.onnx")
    other = network([1, 3, *SIZE])
    other.graph.node[2].op_type = "QuantizeLinear"
    onnx.save(other, folder / "quantized.onnx")
    outside = network([1, 3, *SIZE])
    onnx.save(
        outside,
        folder / "outside.onnx",
        save_as_external_data=True,
        size_threshold=0,
        location="outside.data",
    )
    (folder / "outside.data").unlink()
    unknown = network([1, 3, *SIZE])
    unknown.graph.node[2].op_type, unknown.graph.node[2].domain = "Wobble", "odd"
    unknown.opset_import.append(helper.make_opsetid("odd", 1))
    onnx.save(unknown, folder / "unknown.onnx")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
