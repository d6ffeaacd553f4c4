"""Units of work on many cores or machines, by joblib; a lost worker's unit is done again."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TypeVar

from absl import logging

from tfl_depth.errors import DepthError
from tfl_depth.tools.lib import option_values

# Units that each worker gets at a time: then the workers of a cluster are counted again. Results of
# Ray come at the end of a round.
ROUND, ROUND_OF_RAY = 32, 4
# Number of photos in a block. Computing them takes much longer than opening the model.
BLOCK = 32
# Number of failures in a row, without a finished unit between them, after which work ends.
ATTEMPTS = 3

Unit = TypeVar("Unit")
Result = TypeVar("Result")


def add_workers(parser: argparse.ArgumentParser, what: str, serial: str = "") -> None:
    """Add --jobs and --cluster, which `open_workers` reads.

    Args:
        parser: of the command.
        what: is computed by many workers.
        serial: a sentence that says what is not.
    """
    parser.add_argument(
        "--jobs",
        type=option_values.count,
        metavar="N",
        help=f"compute {what} in N processes, or in N of the cluster (all of its cores){serial}",
    )
    parser.add_argument(
        "--cluster",
        type=_cluster,
        metavar="ADDRESS",
        help=f"compute {what} on a cluster, ray://HOST:PORT or dask://HOST:PORT, whose machines "
        "have tfl-depth and the same folders",
    )


def _cluster(text: str) -> str:
    if not text.startswith(("ray://", "dask://")):
        raise argparse.ArgumentTypeError(f"expected ray://... or dask://..., got {text!r}")
    return text


def are_many(options: argparse.Namespace) -> bool:
    """Whether --jobs or --cluster is given."""
    return options.jobs is not None or options.cluster is not None


def block_slices(photos: int) -> list[slice]:
    """The blocks of so many photos, the last one shorter."""
    return [slice(first, first + BLOCK) for first in range(0, photos, BLOCK)]


def for_workers(options: argparse.Namespace) -> argparse.Namespace:
    """The options with absolute paths: another machine has another working folder."""
    return argparse.Namespace(
        **{
            name: value.absolute() if isinstance(value, Path) else value
            for name, value in vars(options).items()
        }
    )


class Workers:
    """Computes units of work. Open it by `open_workers`."""

    def __init__(self, backend: str, count: Callable[[], int]) -> None:
        """Take the name of joblib's backend, and what gives how many workers there are now."""
        self._backend = backend
        self._count = count

    def __call__(self, work: Callable[[Unit], Result], units: Sequence[Unit]) -> Iterator[Result]:
        """Yield the results of units, in order, as they are computed.

        Args:
            work: a function of a module, which workers import.
            units: what it gets, one each.

        Raises:
            DepthError: by `work`, or as units fail again and again.
        """
        done = failed = 0
        while done < len(units):
            try:
                with closing(self._computed(work, units[done : done + self._at_once()])) as results:
                    for result in results:
                        done, failed = done + 1, 0
                        yield result
            except DepthError:
                raise
            except Exception as error:  # each backend has its own classes
                failed += 1
                said = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
                if failed == ATTEMPTS:
                    raise DepthError(f"{ATTEMPTS} attempts failed to compute: {said}") from error
                logging.warning("A worker was lost, and its work is done again (%s)", said)

    def _at_once(self) -> int:
        return self._count() * (ROUND_OF_RAY if self._backend == "ray" else ROUND)

    def _computed(
        self, work: Callable[[Unit], Result], units: Sequence[Unit]
    ) -> Generator[Result, None, None]:
        import joblib

        returns = "list" if self._backend == "ray" else "generator"
        with joblib.parallel_config(self._backend, n_jobs=self._count()):
            parallel = joblib.Parallel(batch_size=1, return_as=returns)
            # Closing it stops the work.
            yield from parallel(joblib.delayed(work)(unit) for unit in units)


@contextmanager
def open_workers(options: argparse.Namespace) -> Iterator[Workers]:
    """The workers of --jobs and --cluster."""
    jobs, cluster = options.jobs, options.cluster
    if cluster is None:
        yield Workers("loky", lambda: jobs or 1)
    elif cluster.startswith("ray://"):
        import ray
        from ray.util.joblib import register_ray

        _connect_to_ray(cluster)
        register_ray()
        try:
            yield Workers("ray", lambda: jobs or int(ray.cluster_resources().get("CPU", 1)))
        finally:
            ray.shutdown()
    else:
        from distributed import Client

        with Client(cluster.replace("dask://", "tcp://", 1)) as client:
            yield Workers("dask", lambda: jobs or sum(client.nthreads().values()))


def _connect_to_ray(address: str) -> None:
    """Connect, again where the cluster's server for this client does not start within 30 s."""
    import ray

    for attempt in range(1, ATTEMPTS + 1):
        try:
            ray.init(address, log_to_driver=False)
            return
        except ConnectionError as error:
            if attempt == ATTEMPTS:
                raise
            said = " ".join(str(error).split())[-200:]
            logging.warning("Ray did not connect, which is tried again (%s)", said)
