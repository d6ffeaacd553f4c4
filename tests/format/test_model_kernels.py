"""What kernels assert of an operator's tensors is checked before they can."""

from __future__ import annotations

import struct

import flatbuffers
import pytest

from tfl_depth.format import flatbuffer_reader as tables
from tfl_depth.format.model_kernels import TensorForm, check_kernel

OPTIONS = 4


def operator(**options: tuple[int, float]) -> tables.Table:
    """An operator whose options hold these fields: (number, value)."""
    builder = flatbuffers.Builder(64)
    builder.StartObject(8)
    for number, value in options.values():
        if isinstance(value, float):
            builder.PrependFloat32Slot(number, value, -1)
        else:
            builder.PrependInt32Slot(number, value, -1)
    made = builder.EndObject()
    builder.StartObject(8)
    builder.PrependUOffsetTRelativeSlot(OPTIONS, made, 0)
    builder.Finish(builder.EndObject())
    content = bytes(builder.Output())
    return tables.Table(content, struct.unpack_from("<I", content)[0])


def codes(scale: float, *shape: int) -> TensorForm:
    return TensorForm(shape or (1, 8, 8, 4), scale, codes=True, constant=False)


FLOATS = TensorForm((1, 8, 8, 4), 0.0, codes=False, constant=False)
POOL = {"width": (3, 2), "height": (4, 17)}


@pytest.mark.parametrize(
    ("name", "inputs", "outputs", "options", "said"),
    [
        ("SUB", [codes(0.1), codes(0)], [codes(0.1)], {}, "without a scale"),
        ("RELU", [codes(0.1)], [codes(0)], {}, "without a scale"),
        ("ADD", [codes(8.0), codes(0.1)], [codes(1e-6)], {}, "a scale of"),
        ("SOFTMAX", [codes(1e-9)], [codes(1 / 256)], {"beta": (0, 1.0)}, "a factor of 1"),
        ("LOG_SOFTMAX", [codes(1e-9)], [codes(1 / 16)], {}, "a factor of 1"),
        ("DEPTHWISE_CONV_2D", [codes(0.1), codes(0.1)], [codes(0.1)], {}, "without a bias"),
        ("DIV", [codes(0.1), codes(0.1)], [codes(0.1)], {}, "a divisor may be 0"),
        ("FLOOR_MOD", [codes(0.1), codes(0.1)], [codes(0.1)], {}, "a divisor may be 0"),
        ("MAX_POOL_2D", [codes(0.1)], [codes(0.1)], POOL, "17x2 over 8x8"),
        ("MAX_POOL_2D", [codes(0.1, 64)], [codes(0.1)], POOL, "of shape"),
    ],
)
def test_what_a_kernel_would_end_the_process_for_is_told(
    name: str,
    inputs: list[TensorForm],
    outputs: list[TensorForm],
    options: dict[str, tuple[int, float]],
    said: str,
) -> None:
    problem = check_kernel(operator(**options), name, inputs, outputs)
    assert problem is not None and said in problem


@pytest.mark.parametrize(
    ("name", "inputs"),
    [
        ("ADD", [codes(1.4), codes(2e-5)]),
        ("ADD", [FLOATS, FLOATS]),
        ("DIV", [FLOATS, FLOATS]),
        ("DEPTHWISE_CONV_2D", [FLOATS, FLOATS]),
        ("SOFTMAX", [codes(0.05)]),
        ("CAST", [codes(0)]),
    ],
)
def test_what_kernels_take_is_taken(name: str, inputs: list[TensorForm]) -> None:
    output = inputs[0] if name != "CAST" else FLOATS
    assert check_kernel(operator(beta=(0, 1.0)), name, inputs, [output]) is None
