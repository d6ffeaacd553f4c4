"""The table of known delegates, one row each.

The order is that of `auto`'s preference. Option keys are from a delegate's own source or
documentation; for newer keys, pass the library by its path. The options that a target sets are in
`tfl_depth.targets` only, and are looked up there.
"""

from __future__ import annotations

import glob
import importlib.util
from collections.abc import Mapping

from tfl_depth.runtime.delegates.spec import LITERT_NPU, ONNXRUNTIME_QNN, Cache, DelegateSpec
from tfl_depth.targets import TARGETS


def _targets(name: str) -> tuple[str, ...]:
    """Return the targets whose models a delegate runs."""
    return tuple(
        target
        for target, row in TARGETS.items()
        if row.delegate is not None and row.delegate.name == name
    )


def _defaults(name: str) -> Mapping[str, str]:
    """Return the options that these targets set. A test checks that they agree."""
    options: dict[str, str] = {}
    for target in _targets(name):
        delegate = TARGETS[target].delegate
        options |= delegate.options if delegate is not None else {}
    return options


def _package_folders(package: str, below: str = "") -> tuple[str, ...]:
    """Return the folders of libraries in a package, by a pattern; none if it is not installed."""
    spec = importlib.util.find_spec(package)
    places = spec.submodule_search_locations if spec is not None else None
    return tuple(f"{glob.escape(place)}{below}" for place in places or ())


TABLE: Mapping[str, DelegateSpec] = {
    # Keys: external_delegate_adaptor.cc; the operator's name and the cache, one file for each
    # first operator of a part inside a folder: ethosu_delegate.h, .cc. The second library is the
    # one for LiteRT: meta-imx, recipes-libraries/litert/litert-ethosu-delegate_2.1.0.bb.
    "ethosu": DelegateSpec(
        title="Arm Ethos-U65 of an NXP i.MX 93, by NXP's driver",
        libraries=("libethosu_delegate.so", "liblitert_ethosu_delegate.so"),
        options={
            "device_name": "device file of the NPU (/dev/ethosu0)",
            "cache_file_path": "folder for models compiled on the board",
            "timeout": "longest inference, nanoseconds",
            "enable_cycle_counter": "true counts cycles (older releases)",
            "pmu_event0": "number of an event to count (older releases)",
            "pmu_event1": "as pmu_event0",
            "pmu_event2": "as pmu_event0",
            "pmu_event3": "as pmu_event0",
            "enable_profiling": "true records events (newer releases)",
            "profiling_buffer_size": "how many events it records",
        },
        defaults=_defaults("ethosu"),
        compiled="ethos-u",
        targets=_targets("ethosu"),
        devices=("/dev/ethosu*",),
        cache=Cache("cache_file_path"),
        install=(
            "flash NXP's Linux release with its machine learning packages (imx-image-full), which "
            "brings libethosu_delegate.so"
        ),
        source="https://github.com/nxp-imx/tflite-ethosu-delegate-imx",
    ),
    # It has no options (neutron_delegate_adaptor.cc).
    "neutron": DelegateSpec(
        title="eIQ Neutron of an NXP i.MX 95",
        libraries=("libneutron_delegate.so", "liblitert_neutron_delegate.so"),
        defaults=_defaults("neutron"),
        compiled="NeutronGraph",
        portable=False,
        targets=_targets("neutron"),
        devices=("/dev/neutron*",),
        install=(
            "flash NXP's Linux release with its machine learning packages (imx-image-full), which "
            "brings libneutron_delegate.so"
        ),
        source="https://github.com/nxp-imx/tflite-neutron-delegate",
    ),
    # Keys: vx_delegate_adaptor.cc; `cache_file_path` is a file and read only with
    # `allowed_cache_mode`. USE_GPU_INFERENCE=1, which some images set, would take the GPU: NXP's
    # i.MX Machine Learning User's Guide (UG10166).
    "vx": DelegateSpec(
        title="VeriSilicon NPU of an NXP i.MX 8M Plus or an ST STM32MP2",
        libraries=("libvx_delegate.so*", "liblitert_vx_delegate.so"),
        options={
            "allowed_cache_mode": "true stores compiled models",
            "cache_file_path": "the file for them",
            "allowed_multi_device_mode": "true lets `device_id` choose",
            "device_id": "which NPU, from 0",
            "model_location": "where a model is placed, for several NPUs",
            "allowed_builtin_code": "number of the only operator that it may take",
            "error_during_init": "true fails at its start, for tests of the delegate",
            "error_during_prepare": "as error_during_init",
            "error_during_invoke": "as error_during_init",
        },
        defaults=_defaults("vx"),
        environment={"USE_GPU_INFERENCE": "0"},
        compiled="vsi-npu",
        targets=_targets("vx"),
        devices=("/dev/galcore",),
        cache=Cache("cache_file_path", file="network.nb"),
        install=("flash NXP's imx-image-full, or install tflite-vx-delegate of ST's X-LINUX-AI"),
        source="https://github.com/VeriSilicon/tflite-vx-delegate",
    ),
    # Keys and the operator's name: tflite/edgetpu_delegate_for_custom_op_tflite_plugin.cc. A USB
    # stick has no device file of its own before it is used.
    "edgetpu": DelegateSpec(
        title="Google Coral Edge TPU",
        libraries=("libedgetpu.so.1", "libedgetpu.so.1.*"),
        options={
            "device": "usb, pci, or one of several: usb:0, pci:0, :0",
            "Performance": "Low, Medium, High or Max; if `device` has a number",
            "Usb.AlwaysDfu": "True loads the firmware again; if `device` has a number",
            "Usb.MaxBulkInQueueLength": "0 to 255; if `device` has a number",
        },
        defaults=_defaults("edgetpu"),
        compiled="edgetpu-custom-op",
        portable=False,
        targets=_targets("edgetpu"),
        devices=("/dev/apex_*",),
        install="add Coral's package source and install libedgetpu1-std",
        source="https://github.com/google-coral/libedgetpu",
    ),
    # Keys: https://docs.qualcomm.com/bundle/publicresource/80-70014-54/topics/external-delegate-options-for-qnn-delegate.md
    # and .../80-63442-50/topics/options.md; all values but those of backend_type, pd_session and
    # the paths are numbers, or true and false.
    "qnn": DelegateSpec(
        title="Qualcomm Hexagon (HTP) or Adreno, by AI Engine Direct",
        libraries=("libQnnTFLiteDelegate.so",),
        options={
            "backend_type": "htp, gpu or dsp; required",
            "library_path": "the backend's library, such as libQnnHtp.so",
            "skel_library_dir": "folder of the library that runs on the Hexagon",
            "cache_dir": "folder for compiled models",
            "model_token": "the model's name in that folder",
            "log_level": "0 (none) to 5",
            "profiling": "0 (off) to 3",
            "graph_priority": "0 (default) to 4",
            "htp_performance_mode": "0 (default) to 9; 2 is burst",
            "htp_perf_ctrl_strategy": "0 (manual) or 1 (automatic)",
            "htp_precision": "of float graphs: 0 quantized, 1 float16",
            "htp_pd_session": "unsigned or signed",
            "htp_optimization_strategy": "0 for inference, 1 for preparation, 2 for both more",
            "htp_use_conv_hmx": "false if convolutions with few channels are wrong",
            "htp_use_fold_relu": "true folds ReLU into convolutions",
            "htp_vtcm_size": "MB of fast memory",
            "htp_num_hvx_threads": "how many vector threads",
            "htp_device_id": "which Hexagon, from 0",
            "gpu_precision": "0 (as the graph says) to 3",
            "gpu_performance_mode": "0 (default) to 3",
            "dsp_performance_mode": "0 (default) to 8",
            "dsp_pd_session": "unsigned, signed or adaptive",
        },
        defaults=_defaults("qnn"),
        targets=_targets("qnn"),
        devices=("/dev/fastrpc-cdsp*", "/dev/adsprpc-smd*"),
        cache=Cache("cache_dir", model_key="model_token"),
        rounding_steps=3,
        install="install Qualcomm AI Runtime (QAIRT) for the board, which brings the delegate",
        source="https://docs.qualcomm.com/bundle/publicresource/80-63442-50/topics/options.md",
    ),
    # Not an external delegate: `engines.onnxruntime_qnn` runs the program inside the file. Options:
    # docs/execution_providers/QNN-ExecutionProvider.md there; those for a compilation are left out.
    ONNXRUNTIME_QNN: DelegateSpec(
        title="Qualcomm Hexagon (HTP), for files that were compiled for the chip, by ONNX Runtime",
        libraries=("libonnxruntime_providers_qnn.so",),
        folders=_package_folders("onnxruntime_qnn"),
        options={
            "htp_performance_mode": "burst, balanced, power_saver and others",
            "qnn_context_priority": "low, normal, normal_high or high",
            "rpc_control_latency": "microseconds",
            "device_id": "which Hexagon, from 0",
            "profiling_level": "off, basic, detailed or optrace",
            "profiling_file_path": "a CSV file for the profile",
            "skip_qnn_version_check": "1 allows libraries of another version",
        },
        defaults=_defaults(ONNXRUNTIME_QNN),
        compiled="DISPATCH_OP",
        maker="Qualcomm",
        portable=False,
        external=False,
        targets=_targets(ONNXRUNTIME_QNN),
        devices=("/dev/fastrpc-cdsp*",),
        rounding_steps=3,
        install="pip install onnxruntime onnxruntime-qnn",
        source="https://github.com/onnxruntime/onnxruntime-qnn",
    ),
    # The library of MediaTek's Yocto images: meta-mediatek's tensorflow-lite recipe, which adds
    # tensorflow/lite/delegates/utils/nnapi_external_delegate. Which keys it reads is not public, so
    # none is known. On Android an app's interpreter makes its NNAPI delegate itself.
    "nnapi": DelegateSpec(
        title="Android's Neural Networks API, also on MediaTek's Yocto images",
        libraries=("nnapi_external_delegate.so",),
        defaults=_defaults("nnapi"),
        targets=_targets("nnapi"),
        devices=("/dev/apusys",),
        install="flash MediaTek's IoT Yocto image, which brings nnapi_external_delegate.so",
        source="https://mediatek.gitlab.io/aiot/doc/aiot-dev-guide/master/sw/yocto/ml-guide.html",
    ),
    # It has no options. Files: DRM's accelerators (Rockchip), and the NPUs of etnaviv, which also
    # drives graphics. Debian's package has its own folder:
    # https://packages.debian.org/bookworm-backports/arm64/mesa-teflon-delegate/filelist
    "teflon": DelegateSpec(
        title="NPUs that Mesa drives on mainline Linux: Vivante, Rockchip",
        libraries=("libteflon.so",),
        folders=("/usr/lib/teflon",),
        defaults=_defaults("teflon"),
        targets=_targets("teflon"),
        devices=("/dev/accel/accel*", "/sys/bus/platform/drivers/etnaviv/*.npu"),
        install="install the package mesa-teflon-delegate (Debian 13, Ubuntu 25.10)",
        source="https://docs.mesa3d.org/teflon.html",
    ),
    # Keys: delegate/common/include/DelegateOptions.hpp. Its cache of compiled kernels has to be
    # made in a run of its own ("a file must already exist"), which is left to the user.
    "armnn": DelegateSpec(
        title="Arm NN on Arm Mali graphics or Cortex-A",
        libraries=("libarmnnDelegate.so", "libarmnnDelegate.so.*"),
        options={
            "backends": "in order of preference, such as GpuAcc,CpuAcc",
            "dynamic-backends-path": "folder of further backends",
            "logging-severity": "trace, debug, info, warning, error or fatal",
            "gpu-tuning-level": "0 (use only) to 3",
            "gpu-tuning-file": "what the tuning found",
            "gpu-mlgo-tuning-file": "of the MLGO tuning",
            "gpu-enable-profiling": "true or false",
            "gpu-kernel-profiling-enabled": "true or false",
            "save-cached-network": "true writes `cached-network-filepath`, which has to exist",
            "cached-network-filepath": "compiled kernels",
            "enable-fast-math": "true or false",
            "number-of-threads": "of CpuAcc, 1 to 64",
            "reduce-fp32-to-fp16": "true or false",
            "reduce-fp32-to-bf16": "ignored by Arm NN",
            "debug-data": "true or false",
            "memory-import": "true or false",
            "enable-internal-profiling": "true or false",
            "internal-profiling-detail": "1 or 2",
            "enable-external-profiling": "true or false",
            "timeline-profiling": "true or false",
            "outgoing-capture-file": "file of the profile",
            "incoming-capture-file": "file of the profile",
            "file-only-external-profiling": "true or false",
            "counter-capture-period": "microseconds",
            "profiling-file-format": "binary",
            "serialize-to-dot": "file for a drawing of the network",
            "infer-output-shape": "true or false",
            "allow-expanded-dims": "true or false",
            "disable-tflite-runtime-fallback": "true fails on an operator that it cannot take",
        },
        defaults=_defaults("armnn"),
        targets=_targets("armnn"),
        devices=("/dev/mali*",),
        install="unpack Arm NN's release for aarch64 and add its folder to LD_LIBRARY_PATH",
        source="https://github.com/ARM-software/armnn/blob/main/delegate/common/include/DelegateOptions.hpp",
    ),
    # Not an external delegate: `ai_edge_litert.compiled_model` opens the library, from the folder
    # in its environment.py. `auto` selects it only for a model that was compiled for it, since its
    # Intel plugin computed a split head wrongly.
    LITERT_NPU: DelegateSpec(
        title="NPUs of LiteRT's dispatch interface, such as Intel's by OpenVINO",
        libraries=("libLiteRtDispatch_*.so",),
        folders=_package_folders("ai_edge_litert", "/vendors/*/dispatch"),
        options={
            "graph_backend": "Intel: CPU, GPU or NPU",
            "performance_mode": "Intel: LATENCY, THROUGHPUT or CUMULATIVE_THROUGHPUT",
        },
        defaults=_defaults(LITERT_NPU),
        compiled="DISPATCH_OP",
        external=False,
        targets=_targets(LITERT_NPU),
        rounding_steps=3,
        install="pip install ai-edge-litert, and openvino for Intel's NPUs",
        source="https://github.com/google-ai-edge/LiteRT/blob/main/litert/python/litert_wrapper/environment_wrapper/environment.py",
    ),
}
