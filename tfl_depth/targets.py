"""The table of targets: the required form of a model, its compiler and its delegate.

The converter, the placement report and the runtime read this table. Sources of vendors' facts are
in the rows. It needs no TensorFlow.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

from tfl_depth.format.contract_parts import Precision

__all__ = [
    "TARGETS",
    "NeutronSettings",
    "RockchipSettings",
    "Target",
    "TargetDelegate",
    "VelaSettings",
]

INT8: tuple[Precision, ...] = ("int8",)
# Whether a convolution's weights have one scale, or one for each output channel.
WeightScales = Literal["per-tensor", "per-channel"]
PER_TENSOR: Final = "per-tensor"
PER_CHANNEL: Final = "per-channel"
# Names of tables in `converters.deployment.operator_rules`.
RuleTable = Literal["armnn", "coral", "nnapi", "stm32mp2", "teflon"]


@dataclass(frozen=True)
class VelaSettings:
    """Settings of Arm's compiler for the Ethos-U NPUs.

    Attributes:
        accelerator: Vela's name of the NPU; it ends in its multiply-accumulates per cycle.
        system_config: clock and memories, a section of `config`.
        memory_mode: use of the memories, a section of `config`.
        config: a configuration file, the user's or one in Vela's package.
    """

    accelerator: str
    system_config: str
    memory_mode: str
    config: str = "Arm/vela.ini"

    @property
    def macs_per_cycle(self) -> int:
        """The NPU's largest number of multiply-accumulates in a cycle."""
        return int(self.accelerator.rpartition("-")[2])


@dataclass(frozen=True)
class NeutronSettings:
    """Settings of NXP's compiler for the Neutron NPUs.

    Attributes:
        target: the compiler's name of the chip.
        package, version: of the pip package that the user has from NXP.
        python: that of the environment with the package; the compiler lies beside it.
    """

    target: str
    package: str
    version: str
    python: str


@dataclass(frozen=True)
class RockchipSettings:
    """Settings of Rockchip's compiler, rknn-toolkit2.

    Attributes:
        platform: the compiler's name of the chip.
        python: that of the environment with the toolkit; None: it is not called.
    """

    platform: str
    python: str | None = None


@dataclass(frozen=True)
class TargetDelegate:
    """The delegate on the board.

    Attributes:
        name: in the runtime's table.
        options: keys and values for the delegate's creation.
    """

    name: str
    options: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Target:
    """One target.

    Attributes:
        title: what the name means, for `--help`.
        precisions: supported precisions. "int8" also requires int8 inputs and outputs.
        weights: PER_CHANNEL, or PER_TENSOR if the NPU supports nothing else.
        rules: name of a table in `converters.deployment.operator_rules` with the delegate's
            operators; None if only Vela or the board decides.
        vela: settings of the compiler for an Ethos-U.
        htp_soc: LiteRT's name of the chip, for a Hexagon with a compiler on this machine.
        neutron: how to compile, for an i.MX 95, where the user has named NXP's package.
        rockchip: the chip, and how to compile where the user has named the toolkit's Python.
        command: command of a compiler that the user must run; {stem} is the model's path without
            its suffix.
        delegate: None if TensorFlow Lite's own kernels run the model, or no TensorFlow Lite does.
        source: of the facts in this row.
    """

    title: str
    precisions: tuple[Precision, ...] = INT8
    weights: WeightScales = PER_CHANNEL
    rules: RuleTable | None = None
    vela: VelaSettings | None = None
    htp_soc: str | None = None
    neutron: NeutronSettings | None = None
    rockchip: RockchipSettings | None = None
    command: tuple[str, ...] | None = None
    delegate: TargetDelegate | None = None
    source: str = ""

    @property
    def has_npu(self) -> bool:
        """Whether something other than TensorFlow Lite's own kernels runs the model."""
        return self.delegate is not None or self.rockchip is not None


# The system configuration and the memory mode that Vela 5.2 falls back on, with a warning, where
# none is named (ethosu/vela/architecture_features.py): the most typical ones of each generation.
_VELA_DEFAULTS = {
    "u55": ("Ethos_U55_High_End_Embedded", "Shared_Sram"),
    "u65": ("Ethos_U65_Client_Server", "Dedicated_Sram_384KB"),
    "u85": ("Ethos_U85_SYS_DRAM_Mid", "Dedicated_Sram_384KB"),
}
_ETHOS_SIZES = {
    "u55": (32, 64, 128, 256),
    "u65": (256, 512),
    "u85": (128, 256, 512, 1024, 2048),
}
_VELA_SOURCE = "https://gitlab.arm.com/artificial-intelligence/ethos-u/ethos-u-vela"


def _ethos(generation: str, size: int) -> Target:
    accelerator = f"ethos-{generation}-{size}"
    return Target(
        title=f"Arm Ethos-{generation.upper()} with {size} MACs per cycle",
        vela=VelaSettings(accelerator, *_VELA_DEFAULTS[generation]),
        delegate=TargetDelegate("ethosu"),
        source=_VELA_SOURCE,
    )


_HEXAGON_SOCS = (
    *("SA8255", "SA8295", "SM8350", "SM8450", "SM8475"),
    *("SM8550", "SM8650", "SM8750", "SM8845", "SM8850"),
)


def _hexagon(soc: str) -> Target:
    return Target(
        title=f"Qualcomm {soc}: Hexagon (HTP), compiled here by LiteRT's plugin",
        htp_soc=soc,
        delegate=TargetDelegate("onnxruntime-qnn"),
        source="https://ai.google.dev/edge/litert/next/qualcomm",
    )


def _rockchip(platform: str) -> Target:
    steps = (
        "from rknn.api import RKNN; r = RKNN()",
        f"r.config(target_platform='{platform}')",
        "r.load_tflite(model='{stem}.tflite')",
        "r.build(do_quantization=False)",
        f"r.export_rknn('{{stem}}_{platform}.rknn')",
    )
    return Target(
        title=f"Rockchip {platform.upper()}: RKNPU, an .rknn file for Rockchip's own runtime",
        rockchip=RockchipSettings(platform),
        command=("python3", "-c", "; ".join(steps)),
        source="https://github.com/airockchip/rknn-toolkit2",
    )


TARGETS = {
    "cpu": Target(
        title="TensorFlow Lite's own kernels and XNNPACK, on any processor",
        precisions=("int8", "int16x8", "float32"),
    ),
    **{
        f"ethos-{generation}-{size}": _ethos(generation, size)
        for generation, sizes in _ETHOS_SIZES.items()
        for size in sizes
    },
    # With its own SRAM: Linux's Documentation/devicetree/bindings/npu/arm,ethos.yaml. Clock and
    # memories are assumptions: the most similar sections of Vela's file.
    "imx93": Target(
        title="NXP i.MX 93: Ethos-U65-256",
        vela=VelaSettings("ethos-u65-256", "Ethos_U65_High_End", "Dedicated_Sram_384KB"),
        delegate=TargetDelegate("ethosu"),
        source="https://www.nxp.com/docs/en/application-note/AN13854.pdf",
    ),
    "imx8mp": Target(
        title="NXP i.MX 8M Plus: VeriSilicon VIPNano-SI+, the vx delegate compiles on the board",
        # Without a cache each first inference takes minutes. The runtime chooses the folder.
        delegate=TargetDelegate("vx", {"allowed_cache_mode": "true"}),
        source="https://github.com/VeriSilicon/tflite-vx-delegate",
    ),
    "imx95": Target(
        title="NXP i.MX 95: eIQ Neutron",
        command=(
            "neutron-converter",
            *("--input", "{stem}.tflite", "--output", "{stem}_neutron.tflite"),
            *("--target", "imx95"),
        ),
        delegate=TargetDelegate("neutron"),
        source="https://eiq.nxp.com/training-materials/tools/neutronSdk/softwareTools/NeutronConverter.html",
    ),
    # "only supports 8-bits NN models quantized with the per-tensor asymmetric quantization scheme";
    # per-channel models "will run mainly on GPU instead of NPU".
    "stm32mp2": Target(
        title="ST STM32MP23x, MP25x: VeriSilicon; per-tensor weights, which cost accuracy",
        weights=PER_TENSOR,
        rules="stm32mp2",
        command=("stedgeai", "generate", "-m", "{stem}.tflite", "--target", "stm32mp25"),
        delegate=TargetDelegate("vx", {"allowed_cache_mode": "true"}),
        source="https://wiki.st.com/stm32mpu/wiki/STM32MP2_NPU_description",
    ),
    # Models that Mesa lists as tested have one scale per kernel. More scales depend on its drivers.
    "teflon": Target(
        title="Mesa's Teflon on mainline Linux: Vivante, Rockchip; per-tensor weights",
        weights=PER_TENSOR,
        rules="teflon",
        delegate=TargetDelegate("teflon"),
        source="https://docs.mesa3d.org/teflon.html",
    ),
    "nnapi": Target(
        title="Android's Neural Networks API, deprecated since Android 15",
        rules="nnapi",
        delegate=TargetDelegate("nnapi"),
        source="https://github.com/tensorflow/tensorflow/blob/master/tensorflow/lite/delegates/nnapi/nnapi_delegate.cc",
    ),
    "coral": Target(
        title="Google Coral Edge TPU",
        rules="coral",
        command=("edgetpu_compiler", "--show_operations", "{stem}.tflite"),
        delegate=TargetDelegate("edgetpu"),
        source="https://coral.ai/docs/edgetpu/models-intro/#supported-operations",
    ),
    "qnn": Target(
        title="Qualcomm Hexagon (HTP), compiled by its delegate on the board",
        delegate=TargetDelegate("qnn", {"backend_type": "htp"}),
        source="https://docs.qualcomm.com/bundle/publicresource/80-70014-54/topics/external-delegate-options-for-qnn-delegate.md",
    ),
    # The chips of ai_edge_litert/aot/vendors/qualcomm/target.py.
    **{f"qnn-{soc.lower()}": _hexagon(soc) for soc in _HEXAGON_SOCS},
    **{platform: _rockchip(platform) for platform in ("rk3588", "rk3576", "rk3568")},
    "armnn": Target(
        title="Arm NN on Arm Mali graphics or Cortex-A",
        rules="armnn",
        delegate=TargetDelegate("armnn", {"backends": "GpuAcc,CpuAcc"}),
        source="https://android.googlesource.com/platform/external/armnn/+/7435eccdf/delegate/TensorFlowLiteDelegateSupport.md",
    ),
}
