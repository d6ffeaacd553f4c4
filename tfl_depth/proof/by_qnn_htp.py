"""Engine `qnn-htp`: Qualcomm's library for Hexagon NPUs, which emulates their arithmetic on x86.

The model is compiled as with `--target qnn-...`. ONNX Runtime's QNN part runs the compiled program
inside an ONNX file with one EPContext node.
"""

from __future__ import annotations

import json

from tfl_depth import child
from tfl_depth.converters.deployment.qnn import compile_for_htp, htp_libraries
from tfl_depth.converters.deployment.qnn_context import read_htp_program
from tfl_depth.errors import ConversionError, InterpreterError
from tfl_depth.proof.part_engine import PartEngine
from tfl_depth.proof.part_folder import run_part, with_part

# A Hexagon V75. V73 and later compute the same.
SOC = "SM8650"
_RUN = """
import json
import numpy as np
import onnx
import onnxruntime
import onnxruntime_qnn
from onnx import TensorProto, helper
folder = sys.argv[1]
with open(f"{folder}/model.json") as file:
    about = json.load(file)
with open(f"{folder}/program.bin", "rb") as file:
    program = file.read()
kind = TensorProto.INT8
source = helper.make_tensor_value_info(about["input"], kind, about["input_shape"])
results = [
    helper.make_tensor_value_info(name, kind, about["output_shape"]) for name in about["outputs"]
]
node = helper.make_node(
    "EPContext", [about["input"]], about["outputs"], name=about["name"], domain="com.microsoft",
    embed_mode=1, ep_cache_context=program, main_context=1, source="QNNExecutionProvider",
    partition_name=about["name"],
)
graph = helper.make_graph([node], "htp", [source], results)
versions = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
model = helper.make_model(graph, opset_imports=versions, ir_version=10)
onnxruntime.register_execution_provider_library("qnn", onnxruntime_qnn.get_library_path())
devices = [each for each in onnxruntime.get_ep_devices() if each.ep_name == "qnn"]
options = onnxruntime.SessionOptions()
options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
options.add_provider_for_devices(devices[:1], {"backend_path": onnxruntime_qnn.get_qnn_htp_path()})
session = onnxruntime.InferenceSession(model.SerializeToString(), options)
found = session.run(about["outputs"], {about["input"]: np.load(f"{folder}/input.npy")})
for number, values in enumerate(found):
    np.save(f"{folder}/{number}.npy", values)
"""


class ByQnnHtp(PartEngine):
    """The HTP library. Each frame runs in its own process."""

    def _run_frame(self) -> None:
        paths = with_part("qnn", LD_LIBRARY_PATH=str(htp_libraries()))
        run_part("Qualcomm's HTP library", child.run_code(_RUN, self._folder), environment=paths)

    def _write_model(self, model: bytes) -> None:
        """Compile the model, which takes seconds."""
        known = self.tensors
        if known.contract.precision != "int8":
            raise InterpreterError(f"Expected an int8 model, got {known.contract.precision}.")
        try:
            compiled = compile_for_htp(model, SOC)
        except ConversionError as error:
            raise InterpreterError(str(error)) from error
        program = read_htp_program(compiled.model)
        (self._folder / "program.bin").write_bytes(program.content)
        about = {
            "name": program.name,
            "input": known.contract.input_name,
            "input_shape": [1, known.contract.height, known.contract.width, 3],
            "outputs": known.output_names,
            "output_shape": known.output_shape,
        }
        (self._folder / "model.json").write_text(json.dumps(about))
