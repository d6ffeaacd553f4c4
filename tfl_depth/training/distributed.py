"""Training over several hosts: Keras' data parallelism on JAX, one process a host.

Every host runs the same command on the same recipe and run folder, with Keras' variables set:
KERAS_BACKEND=jax, KERAS_DISTRIBUTION_JOB_ADDRESSES (host:port where process 0 shall listen),
KERAS_DISTRIBUTION_NUM_PROCESSES and KERAS_DISTRIBUTION_PROCESS_ID (from 0). A host reads its share
of each batch; one step is compiled for the whole batch, batch normalization and clipping included,
so that the weights are everywhere the same, and those that one host alone would have found.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass

import keras
import numpy as np

from tfl_depth.errors import DepthError

_VARIABLE = "KERAS_DISTRIBUTION_"
# A host that is gone, or has failed, ends the others this late: they would wait for it.
PATIENCE_S = 60


@dataclass(frozen=True)
class Hosts:
    """How many hosts train together, and which of them this is; alone unless told otherwise."""

    index: int = 0
    count: int = 1

    @property
    def chief(self) -> bool:
        """Whether this host writes what all of them have found."""
        return self.index == 0

    def agree(self, *contents: bytes) -> None:
        """Wait for the others, and see that they hold the same.

        Raises:
            DepthError: they do not; on every host.
        """
        if self.count == 1:
            return
        from jax.experimental import multihost_utils

        digests = [hashlib.sha256(content).digest() for content in contents]
        mine = np.frombuffer(b"".join(digests), np.uint8)
        if (np.asarray(multihost_utils.process_allgather(mine)) != mine).any():
            raise DepthError("The hosts differ in recipe, data or run folder: give all the same.")


ALONE = Hosts()


@contextlib.contextmanager
def joined() -> Iterator[Hosts]:
    """Join the other hosts, where the environment names some; networks built within are shared.

    Raises:
        DepthError: Keras runs on another backend than JAX.
    """
    count = int(os.environ.get(f"{_VARIABLE}NUM_PROCESSES", "1"))
    if count == 1:
        yield ALONE
        return
    if keras.backend.backend() != "jax":
        raise DepthError("Only JAX trains over several hosts: set KERAS_BACKEND=jax.")
    import jax

    hosts = Hosts(int(os.environ[f"{_VARIABLE}PROCESS_ID"]), count)
    jax.distributed.initialize(
        os.environ[f"{_VARIABLE}JOB_ADDRESSES"].split(",")[0],
        count,
        hosts.index,
        heartbeat_timeout_seconds=PATIENCE_S,
        shutdown_timeout_seconds=PATIENCE_S,
    )
    with keras.distribution.DataParallel(auto_shard_dataset=False).scope():
        yield hosts
    # Here together: whatever the chief does next takes its time while the others are gone.
    jax.distributed.shutdown()  # type: ignore[no-untyped-call]
