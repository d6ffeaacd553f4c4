"""One row of the table of delegates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

# Delegates that are no external ones: an engine of its own runs each.
LITERT_NPU = "litert-npu"
ONNXRUNTIME_QNN = "onnxruntime-qnn"


@dataclass(frozen=True)
class Cache:
    """Where a delegate stores compiled models, so that only the first start is slow.

    Attributes:
        option: the option for the file or folder.
        file: name of a file in the cache folder; None if the option is a folder.
        model_key: the option for the model's name, if the delegate has one.
    """

    option: str
    file: str | None = None
    model_key: str | None = None


@dataclass(frozen=True)
class DelegateSpec:
    """Facts of one delegate. A vendor's package may add its own (docs/boards/README.md).

    Attributes:
        title: the hardware that it uses, for people.
        libraries: file names, the preferred one first; `*` matches anything.
        folders: of the library, besides the usual library folders.
        options: known options, each with its meaning.
        defaults: options that are set if the user does not set them.
        environment: variables to set before the library is loaded.
        compiled: name of the operator that its offline compiler puts into a model; None without
            such a compiler.
        maker: of the chips, if compilers for others put the same operator into a model; None
            otherwise.
        portable: whether it can run a model that was not compiled for it.
        targets: names in `tfl_depth.targets.TARGETS` that are for this delegate.
        devices: device files of its driver; `*` matches anything, and one file is enough. Without
            device files, `auto` selects it only for a model that was compiled for it.
        cache: None if it has no cache.
        external: whether the library is an external delegate of TensorFlow Lite.
        install: how to install a missing library, for people.
        rounding_steps: steps of the code that its rounding of outputs may cost, see
            `golden_check.tolerance_of`.
        source: of the facts in this row.
    """

    title: str
    libraries: tuple[str, ...]
    folders: tuple[str, ...] = ()
    options: Mapping[str, str] = field(default_factory=dict)
    defaults: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    compiled: str | None = None
    maker: str | None = None
    portable: bool = True
    targets: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    cache: Cache | None = None
    external: bool = True
    install: str = ""
    rounding_steps: int = 1
    source: str = ""
