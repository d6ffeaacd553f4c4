"""One target under Atheris: python -m tests.fuzz.one TARGET CORPUS -OPTION=VALUE ..."""

from __future__ import annotations

import sys

import atheris
import cv2

with atheris.instrument_imports(include=["tfl_depth"]):
    from tests.fuzz.targets import TARGETS


def main() -> None:
    """Fuzz until the options say to end."""
    program, name, *options = sys.argv
    cv2.utils.logging.setLogLevel(0)  # which says of each damaged picture that it is one
    atheris.Setup([program, *options], TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
