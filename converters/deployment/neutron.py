"""NXP's Neutron compiler, run as a process: compiles a model for an i.MX 95.

NXP gives its pip package to its customers. The user installs it into a Python of their own, and
says its name, its version and that Python.
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

from tfl_depth.child import run_code
from tfl_depth.converters.deployment.compiler_output import last_error
from tfl_depth.converters.deployment.compiler_process import run_compiler
from tfl_depth.converters.deployment.signature_names import with_signature_of
from tfl_depth.converters.metadata import with_contract
from tfl_depth.errors import ConversionError
from tfl_depth.format.contract import Contract
from tfl_depth.targets import NeutronSettings

TIME_LIMIT_S = 1200
VERSION_LIMIT_S = 60
# The program's names in the releases of NXP's package, beside its Python.
PROGRAMS = ("neutron-converter", "neutron_converter", "neutron-compiler", "neutron_compiler")
_VERSION = "import importlib.metadata as m; print(m.version(sys.argv[1]))"


def compile_neutron(model: bytes, settings: NeutronSettings, contract: Contract | None) -> bytes:
    """Compile a .tflite file.

    Args:
        model: a portable .tflite file.
        settings: the compiler.
        contract: what the compiled file gets with a new digest; None for a model without one.

    Raises:
        ConversionError: the compiler is not there, is of another version, refuses the model or
            hangs, or the compiled file has other inputs or outputs.
    """
    _expect_version(settings)
    compiled = with_signature_of(model, _run(_program(settings), model, settings.target))
    return compiled if contract is None else with_contract(compiled, contract)


def _expect_version(settings: NeutronSettings) -> None:
    wanted = f"{settings.package}=={settings.version}"
    get = f"{settings.python} -m pip install '{wanted}', from the package index that NXP names"
    try:
        done = subprocess.run(
            [settings.python, *run_code(_VERSION, settings.package)[1:]],
            capture_output=True,
            text=True,
            timeout=VERSION_LIMIT_S,
        )
    except OSError as error:
        raise ConversionError(
            f"The Python {settings.python} of --neutron-python does not start: {error.strerror}."
        ) from error
    except subprocess.TimeoutExpired as error:
        raise ConversionError(
            f"The Python {settings.python} of --neutron-python did not report within "
            f"{VERSION_LIMIT_S} s which {settings.package} it has: start it by hand."
        ) from error
    if done.returncode:
        raise ConversionError(f"NXP's {settings.package} is not installed: {get}.")
    found = done.stdout.strip()
    if found != settings.version:
        raise ConversionError(
            f"Expected version {settings.version} of NXP's {settings.package}, which the board's "
            f"image needs, got {found}: {get}."
        )


def _program(settings: NeutronSettings) -> Path:
    folder = Path(settings.python).parent
    for name in PROGRAMS:
        if (folder / name).is_file():
            return folder / name
    raise ConversionError(
        f"{settings.package} is installed, but there is none of {', '.join(PROGRAMS)} in {folder}: "
        "pass the Python of the environment that has the program as --neutron-python."
    )


def _run(program: Path, model: bytes, target: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        source, result = Path(folder, "model.tflite"), Path(folder, "compiled.tflite")
        source.write_bytes(model)
        done = run_compiler(
            [program, "--input", source, "--output", result, "--target", target],
            name=program.name,
            target=target,
            program=str(program),
            limit_s=TIME_LIMIT_S,
            folder=Path(folder),
        )
        if done.returncode or not result.is_file():
            raise ConversionError(
                f"{program.name} cannot compile the model for {target}. Its message: "
                f"{last_error(done.stdout) or 'nothing'}"
            )
        return result.read_bytes()
