"""Photos in blocks on many cores or machines, by joblib; a lost worker's block is done again."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from absl import logging

from tfl_depth.errors import DepthError
from tfl_depth.runtime import DepthRunner
from tfl_depth.tools.lib.photo_result import PhotoResult, infer_photo, photo_outputs

# Photos of a block: their time is long beside that of opening the model.
BLOCK = 32
# Blocks that each worker gets at a time. What was computed is noted after each time.
ROUND = 4
ATTEMPTS = 3


@dataclass(frozen=True)
class PhotoBlock:
    """What a worker needs.

    Attributes:
        options: of `tfl-depth infer`.
        settings: arguments of `DepthRunner`.
        photos: whose outputs the worker writes.
    """

    options: argparse.Namespace
    settings: Mapping[str, Any]
    photos: Sequence[Path]


def infer_block(block: PhotoBlock) -> list[PhotoResult]:
    """Write the outputs of a block, up to its first bad photo unless --skip-bad is given."""
    settings = {**block.settings, "num_threads": block.settings["num_threads"] or 1}
    results: list[PhotoResult] = []
    with DepthRunner(block.options.model, **settings) as runner:
        outputs = photo_outputs(runner, block.options)
        for photo in block.photos:
            results.append(infer_photo(runner, photo, outputs))
            if results[-1].error and not block.options.skip_bad:
                break
    return results


def infer_in_blocks(
    photos: Sequence[Path], options: argparse.Namespace, settings: Mapping[str, Any]
) -> Iterator[PhotoResult]:
    """Yield the results of photos in order, as rounds of blocks are finished.

    Raises:
        DepthError: a block fails again and again.
    """
    blocks = [
        PhotoBlock(options, settings, photos[first : first + BLOCK])
        for first in range(0, len(photos), BLOCK)
    ]
    with _workers(options.cluster, options.jobs) as (backend, count):
        while blocks:
            many = ROUND * count()
            for results in _computed(blocks[:many], {**backend, "n_jobs": count()}):
                yield from results
            blocks = blocks[many:]


def _computed(blocks: Sequence[PhotoBlock], config: dict[str, Any]) -> list[list[PhotoResult]]:
    import joblib

    for attempt in range(1, ATTEMPTS + 1):
        try:
            with joblib.parallel_config(**config):
                work = (joblib.delayed(infer_block)(block) for block in blocks)
                return list(joblib.Parallel(batch_size=1)(work))
        except DepthError:
            raise
        except Exception as error:  # each backend has classes of its own
            said = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
            if attempt == ATTEMPTS:
                raise DepthError(f"{ATTEMPTS} attempts failed to compute photos: {said}") from error
            logging.warning("A worker was lost, and its photos are computed again (%s)", said)
    raise AssertionError


@contextmanager
def _workers(
    cluster: str | None, jobs: int | None
) -> Iterator[tuple[dict[str, Any], Callable[[], int]]]:
    """Joblib's backend, and a function that gives how many workers there are now."""
    if cluster is None:
        yield {"backend": "loky"}, lambda: jobs or 1
    elif cluster.startswith("ray://"):
        import ray
        from ray.util.joblib import register_ray

        ray.init(cluster, log_to_driver=False)
        register_ray()
        try:
            yield {"backend": "ray"}, lambda: jobs or int(ray.cluster_resources().get("CPU", 1))
        finally:
            ray.shutdown()
    else:
        from distributed import Client

        with Client(cluster.replace("dask://", "tcp://", 1)) as client:
            yield {"backend": "dask"}, lambda: jobs or sum(client.nthreads().values())
