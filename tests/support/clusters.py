"""Ray and Dask clusters of this machine, and commands that run beside them."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

import psutil  # type: ignore[import-untyped]

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 900.0
WORKERS = 2
START_ATTEMPTS = 4
AGENTS = ("dashboard-agent-grpc", "dashboard-agent-listen", "metrics-export", "runtime-env-agent")
ENVIRONMENT = {
    **{key: value for key, value in os.environ.items() if key != "PYTHONWARNINGS"},
    "PYTHONPATH": os.pathsep.join(
        str(ROOT / each) for each in ("", *os.environ.get("PYTHONPATH", "").split(os.pathsep))
    ),
    "RAY_AUTH_MODE": "disabled",
    "RAY_USAGE_STATS_ENABLED": "0",
}

# Gives a cluster's address for --cluster, and its two workers.
Cluster = tuple[str, Callable[[], list[psutil.Process]]]


def started(folder: Path, *words: object) -> subprocess.Popen[str]:
    """A command of tfl-depth that runs in a folder."""
    code = "import sys; from tfl_depth.tools.cli import main; sys.exit(main())"
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, words)],
        cwd=folder, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def finished(process: subprocess.Popen[str]) -> tuple[str, str]:
    """What a command prints, which must end well."""
    out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, err
    return out, err


def wait_until(holds: Callable[[], object]) -> None:
    """Wait for a condition; minutes at most."""
    end_s = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < end_s, "it never came to that"
        time.sleep(0.02)


def begun(process: subprocess.Popen[str], holds: Callable[[], object]) -> None:
    """Wait until a command has written something."""
    wait_until(lambda: holds() or process.poll() is not None)
    assert process.poll() is None, process.communicate()


def below(process: int) -> list[psutil.Process]:
    """All that a process has started."""
    return list(psutil.Process(process).children(recursive=True))


def kill_all(process: subprocess.Popen[str]) -> None:
    """Kill a command, and its workers, which would wait for work for minutes."""
    workers = below(process.pid)
    process.kill()
    for each in workers:
        each.kill()
    process.communicate()


@contextmanager
def ray_cluster() -> Iterator[Cluster]:
    """A Ray cluster."""
    with ExitStack() as stack:
        for _attempt in range(START_ATTEMPTS):
            client = _free_port()
            head = ("start", "--head", "--block", "--include-dashboard=false")
            # Not the address of a network that the machine may have.
            where = ("--node-ip-address=127.0.0.1", f"--port={_free_port()}")
            ports = (*where, f"--ray-client-server-port={client}", f"--num-cpus={WORKERS}")
            # Ray waits 15 s for agents that choose their ports: too short on a busy machine.
            agents = [f"--{agent}-port={_free_port()}" for agent in AGENTS]
            said = stack.enter_context(tempfile.NamedTemporaryFile("w+"))
            cluster = stack.enter_context(
                _running("-m", "ray.scripts.scripts", *head, *ports, *agents, stdout=said)
            )
            if _has_started(cluster, Path(said.name), client):
                break
        assert cluster.poll() is None, "Ray does not start: is the machine too busy?"
        yield (
            f"ray://127.0.0.1:{client}",
            lambda: [each for each in below(cluster.pid) if _is_of_pool(each)],
        )


def _is_of_pool(process: psutil.Process) -> bool:
    """Whether it is a worker of Ray, and not what a worker has started, which bears its name."""
    try:
        parent = process.parent()
        named = [each.name().startswith("ray::Pool") for each in (process, parent) if each]
    except psutil.NoSuchProcess:
        return False
    return named[0] and not any(named[1:])


def _has_started(cluster: subprocess.Popen[bytes], said: Path, port: int) -> bool:
    """Whether a Ray cluster serves a port, rather than having given up on a busy machine."""
    wait_until(
        lambda: (
            cluster.poll() is not None
            or ("Ray runtime started" in said.read_text() and _is_listening(port))
        )
    )
    return cluster.poll() is None


@contextmanager
def dask_cluster() -> Iterator[Cluster]:
    """A Dask cluster."""
    port = _free_port()
    with ExitStack() as stack:
        scheduler = ("-m", "distributed.cli.dask_scheduler", "--port", port, "--no-dashboard")
        stack.enter_context(_running(*scheduler, "--host", "127.0.0.1"))
        wait_until(lambda: _is_listening(port))
        worker = ("-m", "distributed.cli.dask_worker", f"tcp://127.0.0.1:{port}", "--no-nanny")
        workers = [
            stack.enter_context(_running(*worker, "--nthreads", 1, "--no-dashboard"))
            for _ in range(WORKERS)
        ]
        yield (
            f"dask://127.0.0.1:{port}",
            lambda: [psutil.Process(each.pid) for each in workers if each.poll() is None],
        )


@contextmanager
def _running(*words: object, stdout: IO[str] | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """A program of Python, which is ended afterwards with all that it has started."""
    process = subprocess.Popen([sys.executable, *map(str, words)], env=ENVIRONMENT, stdout=stdout)
    try:
        yield process
    finally:
        if process.poll() is None:
            started_by_it = below(process.pid)
            process.terminate()
            for each in psutil.wait_procs(started_by_it, timeout=20)[1]:
                each.kill()
        process.wait(timeout=20)


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


def _is_listening(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0
