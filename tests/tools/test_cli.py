"""The one command `tfl-depth`, and what all of its commands have in common."""

from __future__ import annotations

import json
import os
import pty
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import absl.logging
import cv2
import numpy as np
import numpy.typing as npt
import pytest

import tfl_depth
from tests.support.length import in_full
from tests.support.photos import write_photos
from tests.test_package import ROOT, run
from tfl_depth import training, zoo
from tfl_depth.tools import cli, infer
from tfl_depth.tools.cli import COMMANDS
from tfl_depth.tools.lib import board_options, command_progress, command_run
from tfl_depth.tools.lib.command_parser import log_to_stderr

HEAVY = (
    *("adbutils", "asyncssh", "cryptography", "ethosu", "h5py", "keras", "matplotlib", "OpenEXR"),
    "tensorflow",
)
# Every command, on a file that is not there, and what it may need beside.
ABSENT = {
    "convert": "absent.keras --int8 --representative photos --output model.tflite",
    "placement": "absent.tflite --target cpu",
    "inspect": "absent.tflite",
    "export": "c absent.tflite",
    "sign": "absent.tflite --key absent.pem",
    "infer": "absent.tflite photos --output depth",
    "zoo": "make absent",
    "board": "doctor absent",
    "doctor": "absent.tflite",
    "prove": "absent.tflite",
    "benchmark": "absent.tflite",
    "calibrate": "absent.tflite --point absent.jpg:1,2=3 --output absent.yaml",
    "evaluate": "absent.tflite --dataset nyuv2 --data absent",
    "train": "absent.json --data absent",
    "strategy": "--checkpoint absent.keras --dataset nyuv2 --data absent --output out",
    "view": "absent.tflite photos",
}
# The page of `view` is for people alone.
WITHOUT_JSON = {"view"}
WITHOUT_TENSORFLOW = """
import sys
sys.modules["tensorflow"] = sys.modules["keras"] = None
from tfl_depth.tools.cli import main
sys.exit(main(sys.argv[1:]))
"""
HELP_OF_ALL = """
import contextlib, io, sys
from tfl_depth.tools.cli import COMMANDS, main
for arguments in (["--help"], *([name, "--help"] for name in COMMANDS)):
    with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()) as help:
        main(arguments)
    assert "example:" in help.getvalue()
    print(*(name for name in sys.argv[1:] if name in sys.modules))
"""


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines of one length, whatever the terminal."""
    monkeypatch.setenv("COLUMNS", "100")


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cli") / "photos"
    write_photos(folder)
    return folder


def status_of(*arguments: str) -> int:
    with pytest.raises(SystemExit) as stopped:
        cli.main(arguments)
    assert isinstance(stopped.value.code, int)
    return stopped.value.code


# What is there


def test_every_command_is_called_by_the_same_launcher_in_a_checkout() -> None:
    files = {path.name: path for path in (ROOT / "tools").iterdir() if not path.suffix}
    launcher = files.pop("launcher").read_bytes()
    found = {name for name, path in files.items() if path.is_file()}
    assert found == set(COMMANDS) == set(ABSENT)
    # A source archive may hold copies in place of links.
    assert {files[name].read_bytes() for name in found} == {launcher}


def test_help_lists_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert status_of("--help") == 0
    shown = capsys.readouterr().out
    for name, title in COMMANDS.items():
        assert re.search(rf"^  {name} +{re.escape(title)}$", shown, re.MULTILINE)


@pytest.mark.parametrize("arguments", [(), ("measure",), ("--fast",), ("--json", "infer")])
def test_what_is_no_command_shows_the_usage(
    arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert status_of(*arguments) == 2
    shown = capsys.readouterr()
    assert (shown.out, shown.err.partition("[")[0]) == ("", "usage: tfl-depth ")


# What all have in common


@pytest.mark.parametrize("name", COMMANDS)
def test_help_has_an_example_that_its_command_takes(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert status_of(name, "--help") == 0
    shown = capsys.readouterr().out
    assert shown.startswith(f"usage: tfl-depth {name} ")
    (example,) = re.findall(r"^example:\n  (.*)$", shown, re.MULTILINE)
    program, *arguments = shlex.split(example)
    assert (program, arguments[0]) == ("tfl-depth", name)
    # All that is left out is what it does.
    monkeypatch.setattr(command_run, "run", lambda _action: 77)
    assert cli.main(arguments) == 77


@pytest.mark.parametrize("arguments", [(), *([name] for name in COMMANDS)], ids=" ".join)
def test_version_is_the_packages(
    arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert status_of(*arguments, "--version") == 0
    assert capsys.readouterr().out == f"tfl-depth {tfl_depth.__version__}\n"


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("option", ["--no-such-option", "--js"])
def test_wrong_option_shows_the_usage(
    name: str, option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """An option that is cut short is wrong as well: a later one could begin alike."""
    assert status_of(name, *ABSENT[name].split(), option) == 2
    usage, *_, last = capsys.readouterr().err.splitlines()
    assert usage.startswith(f"usage: tfl-depth {name} ")
    assert last == f"tfl-depth {name}: error: unrecognized arguments: {option}"


@pytest.mark.parametrize("name", COMMANDS)
def test_error_is_one_sentence(
    name: str,
    photos: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "photos").symlink_to(photos)
    monkeypatch.chdir(tmp_path)
    assert cli.main([name, *ABSENT[name].split()]) == 1
    out, err = capfd.readouterr()
    assert out == ""
    (line,) = err.splitlines()
    assert re.fullmatch(r"error: .*absent.*\.", line)


def test_an_option_takes_the_same_everywhere(capsys: pytest.CaptureFixture[str]) -> None:
    kinds: dict[str, set[str]] = {}
    for name in COMMANDS:
        assert status_of(name, "--help") == 0
        shown = capsys.readouterr().out
        options = dict(re.findall(r"^  (--[a-z0-9-]+)(.*?)(?:  .*)?$", shown, re.MULTILINE))
        assert ("--json" in options) == (name not in WITHOUT_JSON)
        for option, value in options.items():
            kinds.setdefault(option, set()).add(value.strip())
    # A file where one is written, a folder where several are.
    assert kinds.pop("--output") == {"FILE", "DIR"}
    assert {option: values for option, values in kinds.items() if len(values) > 1} == {}


# From a checkout, and installed


# All are links to one launcher. `train` sets its environment and starts again.
@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[] if name in ("infer", "train") else in_full) for name in COMMANDS],
)
def test_tool_of_a_checkout_is_the_command(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    shown = run(str(ROOT / "tools" / name), "--help", cwd=tmp_path, PATH=path)
    assert status_of(name, "--help") == 0
    assert shown == capsys.readouterr().out


def test_help_loads_nothing_that_a_board_lacks() -> None:
    loaded = run(sys.executable, "-c", HELP_OF_ALL, *HEAVY, cwd=ROOT)
    assert loaded.split() == []


def test_help_of_the_whole_loads_no_numpy() -> None:
    code = "import sys; from tfl_depth.tools.cli import COMMANDS; assert 'numpy' not in sys.modules"
    run(sys.executable, "-c", code, cwd=ROOT)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (
            "train {entry}/recipe.json --data photos",
            r"(keras|tensorflow) is not installed\. .*pip install 'tfl-depth\[convert\]'\.",
        ),
        (
            "convert {entry}/model.keras --int8 --representative photos --output model.tflite",
            r"Keras models .* need tensorflow and keras: pip install 'tfl-depth\[keras\]'\. .*",
        ),
    ],
)
def test_what_is_not_installed_is_said_with_the_way_to_it(
    call: str, said: str, photos: Path, tmp_path: Path
) -> None:
    (tmp_path / "photos").symlink_to(photos)
    arguments = call.format(entry=ROOT / "zoo" / "lite0-nyu-192x256").split()
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TENSORFLOW, *arguments],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(f"error: {said}\n", done.stderr), done.stderr


def test_process_starts_with_the_environment_that_its_command_names(tmp_path: Path) -> None:
    """Allocators and TensorFlow read it once; and what the user has set stays."""
    (tmp_path / "sitecustomize.py").write_text(
        "import atexit, os, sys\n"
        "atexit.register(lambda: print([os.environ.get(name) for name in "
        "('MALLOC_ARENA_MAX', 'TF_ENABLE_ONEDNN_OPTS')]))\n"
    )
    code = "import sys; from tfl_depth.tools.cli import main; sys.exit(main())"
    for name, expected in (("train", "['1', '0']"), ("inspect", "[None, '0']")):
        environment = {key: value for key, value in os.environ.items() if "MALLOC" not in key}
        done = subprocess.run(
            [sys.executable, "-c", code, name, *ABSENT[name].split()],
            cwd=ROOT, capture_output=True, text=True,
            env={**environment, "PYTHONPATH": str(tmp_path), "TF_ENABLE_ONEDNN_OPTS": "0"},
        )  # fmt: skip
        assert done.returncode == 1
        assert done.stdout.strip() == expected


@pytest.mark.parametrize(
    ("epochs", "said"),
    [("7", ""), ("7,8", "one for each cycle"), ("1", "above the recipe's warmup")],
)
def test_epochs_replace_those_of_the_recipe(
    epochs: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    trained: list[tuple[int, ...]] = []
    monkeypatch.setattr(training, "train", lambda recipe, *_, **__: trained.append(recipe.epochs))
    monkeypatch.setattr(zoo, "write_entry", lambda *_given: {"metrics": {}})
    recipe = ROOT / "zoo/pico-nyu-192x256/recipe.json"
    call = ["train", str(recipe), "--data", str(tmp_path), "--output", str(tmp_path)]
    assert cli.main([*call, "--epochs", epochs]) == bool(said)
    assert trained == ([] if said else [(7,)])
    assert said in capsys.readouterr().err


# What absl brings, and what libraries print


def test_options_come_from_a_file_as_well(
    net: Path, photo: npt.NDArray[np.uint8], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cv2.imwrite(str(tmp_path / "photo.png"), photo)
    flags = tmp_path / "flags.txt"
    flags.write_text(f"# of the night shift\n--output={tmp_path / 'depth'}\n--save=npy\n")
    call = ["infer", str(net), str(tmp_path / "photo.png")]
    assert cli.main([*call, "--flagfile", str(flags)]) == 0
    assert [path.name for path in (tmp_path / "depth").glob("photo*")] == ["photo_depth.npy"]
    assert status_of(*call, "--flagfile=absent.txt") == 2
    assert "absent.txt" in capsys.readouterr().err
    assert status_of(*call, "--verbosity=loud") == 2
    assert "--verbosity=loud" in capsys.readouterr().err


def test_board_gets_the_options_of_a_file(tmp_path: Path) -> None:
    flags = tmp_path / "flags.txt"
    flags.write_text("--strict\n--threads=2\n")
    words = ["model.tflite", "0", "--flagfile", str(flags), "--board", "bench"]
    assert board_options.board_arguments(infer._parser(), words) == [
        "--strict", "--threads=2", "--delegate=auto"
    ]  # fmt: skip


LIBRARIES = """
import os, sys
from tfl_depth.errors import DepthError
from tfl_depth.quiet import quiet
from tfl_depth.tools.lib.command_run import run
def work():
    os.system("echo XNNPACK >&2")
    with quiet():
        os.write(2, b"CUDA"); print("converter")
    print("from Python", file=sys.stderr)
    if sys.argv[1:]:
        raise DepthError("It failed.")
sys.exit(run(work))
"""


def test_what_libraries_print_is_in_a_log_that_a_failure_names(tmp_path: Path) -> None:
    def ran(*arguments: str) -> tuple[int, str, list[str]]:
        done = subprocess.run(
            [sys.executable, "-c", LIBRARIES, *arguments], cwd=ROOT, capture_output=True, text=True,
            env={**os.environ, "TMPDIR": str(tmp_path)},
        )  # fmt: skip
        return done.returncode, done.stdout, done.stderr.splitlines()

    assert ran() == (0, "", ["from Python"])
    assert list(tmp_path.iterdir()) == []
    status, out, (said, log, error) = ran("fail")
    assert (status, out, said, error) == (1, "", "from Python", "error: It failed.")
    found = re.fullmatch(r"log: (.*) \(what libraries printed\)", log)
    assert found is not None
    text = Path(found[1]).read_text()
    assert all(each in text for each in ("XNNPACK", "CUDA", "converter"))


# What a command refuses before it loads TensorFlow.
TOO_LATE = """
import json, sys
sys.modules["tensorflow"] = sys.modules["keras"] = None
from tfl_depth.tools.cli import main
for words in json.loads(sys.argv[1]):
    print("|", file=sys.stderr)
    main(words)
"""


def test_outputs_are_checked_before_tensorflow_is_loaded(tmp_path: Path) -> None:
    write_photos(tmp_path / "photos")
    file = tmp_path / "there.tflite"
    file.write_bytes(b"")
    entry = ROOT / "zoo" / "lite0-nyu-192x256"
    keras, inside, absent = entry / "model.keras", file / "in", tmp_path / "absent" / "file.png"
    study = ["strategy", keras, "--dataset", "nyuv2", "--data", tmp_path, "--output"]
    train = ["train", entry / "recipe.json", "--data", tmp_path, "--run"]
    convert = ["convert", keras, "--int8", "--representative", tmp_path / "photos", "--output"]
    calls = {
        "there.tflite exists": [*convert, file],
        "a folder as output": [*study, file],
        "there.tflite is a file": [*train, inside],
        "Expected a folder": ["evaluate", keras, "--dataset", "nyuv2", "--data", tmp_path,
                              "--output", inside],
        f"There is no folder {absent.parent}": ["inspect", keras, "--html", absent],
    }  # fmt: skip
    words = json.dumps([list(map(str, call)) for call in calls.values()])
    done = subprocess.run(
        [sys.executable, "-c", TOO_LATE, words], cwd=ROOT, capture_output=True, text=True
    )
    _, *said = done.stderr.split("|\n")
    for expected, each in zip(calls, said, strict=True):
        assert each.startswith("error: ") and expected in each, each


def test_steps_have_their_number_and_the_time_to_come(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = iter([0.0, 0.0, 60.0, 120.0])
    monkeypatch.setattr(command_progress, "monotonic", lambda: next(seconds))
    log_to_stderr()
    absl.logging.set_verbosity(0)
    try:
        steps = command_progress.Steps(["read photos", "verify"])
        assert list(steps([1, 2], 2, "verify")) == [1, 2]
        assert list(command_progress.each_step("abc", ["one", "two", "three"])) == ["a", "b", "c"]
    finally:
        absl.logging.set_verbosity(-1)
    assert capsys.readouterr().err.splitlines() == [
        "step 2 of 2: verify",
        "step 1 of 3: one",
        "step 2 of 3: two, about 2 min to come",
        "step 3 of 3: three, about 60 s to come",
    ]


# Progress

PROGRESS = """
from tfl_depth.tools.lib.command_progress import progress
from tfl_depth.tools.lib.command_run import run
def work():
    for item in progress(range(3), 3, "working"):
        print(item)
run(work)
"""


def piped() -> tuple[str, str]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRESS], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return done.stdout, done.stderr


def watched() -> tuple[str, str]:
    """With a terminal at standard error, which is what a bar is drawn on."""
    ours, theirs = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-c", PROGRESS], cwd=ROOT, stdout=subprocess.PIPE, stderr=theirs,
        text=True, check=True,
    )  # fmt: skip
    os.close(theirs)
    shown = os.read(ours, 65536).decode()
    os.close(ours)
    return done.stdout, shown


@pytest.mark.parametrize(("watch", "bar"), [(piped, False), (watched, True)])
def test_progress_is_shown_where_a_terminal_watches(
    watch: Callable[[], tuple[str, str]], bar: bool
) -> None:
    out, err = watch()
    assert out == "0\n1\n2\n"
    assert ("working" in err) == bar
    assert bar or err == ""


def test_result_of_training_stands_apart_from_its_epochs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    result = {"metrics": {"abs_rel": 0.25}}
    monkeypatch.setattr(training, "train", lambda *_given, **_more: print("epoch 1/1"))
    monkeypatch.setattr(zoo, "write_entry", lambda *_given: result)
    recipe = tmp_path / "recipe.json"
    recipe.write_bytes((ROOT / "zoo/lite0-nyu-192x256/recipe.json").read_bytes())
    assert cli.main(["train", str(recipe), "--data", str(tmp_path), "--json"]) == 0
    shown = capsys.readouterr()
    assert json.loads(shown.out) == {"entry": str(tmp_path), **result}
    assert shown.err == "epoch 1/1\n"
    assert cli.main(["train", str(recipe), "--data", str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"epoch 1/1\n{tmp_path}: abs_rel 0.2500\n"
