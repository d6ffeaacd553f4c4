"""Libraries that crash, hang, refuse or are no delegates, compiled here; none harms the tests."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from time import monotonic, sleep

import pytest

from tfl_depth.runtime.delegates import probe_child
from tfl_depth.runtime.delegates.probe import Probe, probe
from tfl_depth.runtime.delegates.sandbox import run_sandboxed

GCC = shutil.which("gcc")
pytestmark = pytest.mark.skipif(GCC is None, reason="there is no gcc to compile libraries with")
TIMEOUT_S = 60.0
Try = Callable[..., Probe]

INTERFACE = """
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
typedef void (*on_error)(const char*);
static int handle;
#define CREATE void* tflite_plugin_create_delegate(char** k, char** v, size_t n, on_error say)
#define DESTROY void tflite_plugin_destroy_delegate(void* delegate)
"""
# Two processes that write down their numbers and stay.
FORKING = """
import os, time
os.fork()
with open(os.environ["MARK"], "a") as file:
    print(os.getpid(), file=file)
time.sleep(600)
"""
GOOD_END = "DESTROY {}"
GOOD = "CREATE { return &handle; }" + GOOD_END


@pytest.fixture
def attempt(tmp_path: Path) -> Try:
    """Compiles C to a library and probes it."""

    def attempt(
        source: str,
        options: dict[str, str] | None = None,
        timeout_s: float = TIMEOUT_S,
        **environment: str,
    ) -> Probe:
        (tmp_path / "library.c").write_text(INTERFACE + source)
        library = tmp_path / "library.so"
        compiler = [str(GCC), "-shared", "-fPIC", "-o", str(library), str(tmp_path / "library.c")]
        subprocess.run(compiler, check=True)
        return probe(library, options or {}, environment, timeout_s=timeout_s)

    return attempt


def test_a_delegate_that_can_be_created_works(attempt: Try) -> None:
    done = attempt(GOOD)
    assert (done.state, done.detail) == ("works", "")
    assert done.seconds > 0


def test_options_and_environment_reach_it(attempt: Try) -> None:
    source = """
    CREATE {
        if (n == 2 && !strcmp(k[1], "speed") && !strcmp(v[1], "3") && getenv("ACME_LOG"))
            return &handle;
        return NULL;
    }"""
    options = {"device": "0", "speed": "3"}
    assert attempt(source + GOOD_END, options, ACME_LOG="1").state == "works"
    assert attempt(source + GOOD_END, options).state == "refuses"
    assert attempt(source + GOOD_END, {"speed": "3"}, ACME_LOG="1").state == "refuses"


def test_what_a_delegate_says_when_it_refuses_is_kept(attempt: Try) -> None:
    done = attempt('CREATE { say("no device"); return NULL; }' + GOOD_END)
    assert done.state == "refuses"
    assert done.detail == "no device"


def test_what_it_only_prints_is_kept_too(attempt: Try) -> None:
    done = attempt('CREATE { puts("E: galcore"); fflush(stdout); return NULL; }' + GOOD_END)
    assert (done.state, done.detail) == ("refuses", "E: galcore")


def test_chatter_does_not_spoil_the_report(attempt: Try) -> None:
    done = attempt(
        'CREATE { puts("[\\"crash\\", 1]"); fflush(stdout); return &handle; }' + GOOD_END
    )
    assert (done.state, done.detail) == ("works", "")


@pytest.mark.parametrize(
    ("source", "detail"),
    [
        (f"CREATE {{ abort(); }}{GOOD_END}", "SIGABRT while the delegate was created"),
        (
            f"CREATE {{ *(volatile int*)0 = 1; }}{GOOD_END}",
            "SIGSEGV while the delegate was created",
        ),
        (
            "CREATE { return &handle; } DESTROY { abort(); }",
            "SIGABRT while the delegate was closed",
        ),
        (f"__attribute__((constructor)) void f() {{ abort(); }}{GOOD}", "while it was loaded"),
        (f"CREATE {{ exit(3); }}{GOOD_END}", "ended the process (status 3) while the delegate was"),
        (
            f"CREATE {{ _exit(0); }}{GOOD_END}",
            "ended the process (status 0) while the delegate was",
        ),
    ],
)
def test_a_crash_is_told_with_its_place(source: str, detail: str, attempt: Try) -> None:
    done = attempt(source)
    assert done.state == "crashes"
    assert detail in done.detail


def test_a_crash_after_the_end_is_none_of_ours(attempt: Try) -> None:
    assert attempt(f"__attribute__((destructor)) void f() {{ abort(); }}{GOOD}").state == "works"


def test_a_library_that_hangs_is_stopped(attempt: Try) -> None:
    done = attempt(f"CREATE {{ for (;;) pause(); }}{GOOD_END}", timeout_s=3)
    assert done.state == "hangs"
    assert "stopped after 3 s, while the delegate was created" in done.detail


def test_children_of_a_library_that_hangs_are_stopped_too(tmp_path: Path) -> None:
    mark = tmp_path / "alive"
    command = [sys.executable, "-S", "-c", FORKING]
    assert run_sandboxed(command, {"MARK": str(mark)}, timeout_s=5).status is None
    pids = [int(line) for line in mark.read_text().split()]
    assert len(pids) == 2
    # A process that is killed goes on until the kernel comes to it.
    end_s = monotonic() + TIMEOUT_S
    while any(map(running, pids)):
        assert monotonic() < end_s
        sleep(0.1)


def running(pid: int) -> bool:
    """Whether a process runs; one that has ended and waits for its parent does not."""
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False


def test_a_library_of_another_kind_is_told(attempt: Try) -> None:
    assert attempt("int answer = 42;").state == "no-delegate"
    assert attempt("CREATE { return &handle; }").state == "no-delegate"


def test_a_library_that_lacks_another_is_told(attempt: Try) -> None:
    done = attempt("extern int absent(void); int call(void) { return absent(); }" + GOOD)
    assert done.state == "unloadable"
    assert "absent" in done.detail


def test_a_file_that_is_no_library_is_told(tmp_path: Path) -> None:
    (tmp_path / "text.so").write_text("not a library")
    done = probe(tmp_path / "text.so", {}, {}, timeout_s=TIMEOUT_S)
    assert done.state == "unloadable"
    assert probe(tmp_path / "absent.so", {}, {}, timeout_s=TIMEOUT_S).state == "unloadable"


# The steps, without a process between


def names(source: str, tmp_path: Path) -> list[str]:
    (tmp_path / "steps.c").write_text(INTERFACE + source)
    library = tmp_path / "steps.so"
    subprocess.run([str(GCC), "-shared", "-fPIC", "-o", library, tmp_path / "steps.c"], check=True)
    return [name for name, _ in probe_child.steps(str(library), {"speed": "1"})]


@pytest.mark.parametrize(
    ("source", "end"),
    [
        (GOOD, ["create", "destroy", "works"]),
        ("CREATE { return NULL; }" + GOOD_END, ["create", "refuses"]),
        ("int answer = 42;", ["no-delegate"]),
        ("extern int absent; int* pointer = &absent;" + GOOD, ["unloadable"]),
    ],
)
def test_each_step_is_told_before_it_is_taken(source: str, end: list[str], tmp_path: Path) -> None:
    assert names(source, tmp_path) == ["load", *end]
