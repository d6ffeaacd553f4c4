"""Training on several hosts: Keras' data parallelism on JAX, with one process for each host.

Every host runs the same command with the same recipe and run folder, and with Keras' variables:
KERAS_BACKEND=jax, KERAS_DISTRIBUTION_JOB_ADDRESSES (host:port where process 0 listens),
KERAS_DISTRIBUTION_NUM_PROCESSES and KERAS_DISTRIBUTION_PROCESS_ID (from 0). Each host reads its
share of a batch. The step is compiled for the whole batch, including batch normalization and
clipping. So all hosts have the same weights, which are those of training on one host.
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
# Time until the other hosts stop after one has failed; without it they would wait forever.
PATIENCE_S = 60


@dataclass(frozen=True)
class Hosts:
    """The number of hosts that train together, and the index of this one. By default one host."""

    index: int = 0
    count: int = 1

    @property
    def chief(self) -> bool:
        """Whether this host writes the results."""
        return self.index == 0

    def agree(self, *contents: bytes) -> None:
        """Wait for the others, and check that they have the same contents.

        Raises:
            DepthError: they have not. Every host raises it.
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
    """Join the other hosts, if the environment names some. Networks built inside are shared.

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
    # All hosts leave here. Whatever the chief does next takes longer than they would wait.
    jax.distributed.shutdown()  # type: ignore[no-untyped-call]
