"""One row of the table of delegates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Cache:
    """Where a delegate keeps what it has compiled, so that only the first start is slow.

    Attributes:
        option: the key that takes the place.
        file: name of a file inside the cache's folder, or None where the delegate wants the folder.
        model_key: a key that takes a name for the model, where the delegate asks for one.
    """

    option: str
    file: str | None = None
    model_key: str | None = None


@dataclass(frozen=True)
class DelegateSpec:
    """What is known of one delegate. A vendor's package may bring its own (docs/boards/README.md).

    Attributes:
        title: the hardware that it uses, for people.
        libraries: file names, the preferred one first; `*` stands for anything.
        folders: where they may lie beside the usual folders of libraries.
        options: the keys that it knows, each with its meaning.
        defaults: options that it is given where the user says nothing.
        environment: variables that have to be set before it is loaded.
        compiled: name of the operator that its offline compiler puts into a model, or None where
            there is no such compiler.
        portable: whether it takes a model that no compiler has seen.
        targets: names of `tfl_depth.targets.TARGETS` that convert for it.
        devices: device files of its driver, `*` stands for anything; one is enough. Without any
            `auto` takes it for nothing but a model that was compiled for it.
        cache: None where it keeps nothing.
        external: whether the library is an external delegate of TensorFlow Lite.
        install: what to do where the library is missing, for people.
        source: where the facts of the row come from.
    """

    title: str
    libraries: tuple[str, ...]
    folders: tuple[str, ...] = ()
    options: Mapping[str, str] = field(default_factory=dict)
    defaults: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    compiled: str | None = None
    portable: bool = True
    targets: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    cache: Cache | None = None
    external: bool = True
    install: str = ""
    source: str = ""
