"""The options for the model of a command: its file, its inputs, and its key."""

from __future__ import annotations

import argparse
from pathlib import Path

from tfl_depth.errors import ModelFileError
from tfl_depth.zoo_folder import expect_made, named_model


def add_model(
    parser: argparse.ArgumentParser,
    meaning: str = "a .tflite of tfl-depth convert, or a network of `tfl-depth zoo` by its name",
    *,
    nargs: str | None = None,
) -> None:
    """Add MODEL: a path, or the name of a network of the zoo."""
    parser.add_argument("model", nargs=nargs, type=model_file, metavar="MODEL", help=meaning)


def add_model_and_inputs(parser: argparse.ArgumentParser, *, nargs: str) -> None:
    """Add MODEL, also as --model, and INPUT with this `nargs`. `output_names` expands inputs."""
    add_model(parser)
    parser.add_argument("--model", metavar="MODEL", help="the same, in any place")
    parser.add_argument(
        "inputs",
        nargs=nargs,
        metavar="INPUT",
        help="image and video files, folders of photos, patterns, camera:0, /dev/video0, rtsp://...",
    )


def model_file(text: str) -> Path:
    """Read the path of a model, or the name of a network of the zoo that has an INT8 file."""
    try:
        return named_model(text)
    except ModelFileError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def expect_model(path: Path | None) -> None:
    """Check that there is a model's file; None is allowed.

    Raises:
        ModelFileError: there is none.
    """
    if path is not None and not path.is_file():
        expect_made(path)
        raise ModelFileError(f"There is no model {path}.")


def add_public_key(parser: argparse.ArgumentParser) -> None:
    """Add --public-key for `runner_settings`."""
    parser.add_argument(
        "--public-key",
        type=Path,
        metavar="FILE",
        help="a .pem: the model must be signed with its private key",
    )


def expect_no_key(model: Path, public_key: Path | None) -> None:
    """Refuse a public key for a file that cannot be signed.

    Raises:
        ModelFileError: there is a key.
    """
    if public_key is not None:
        raise ModelFileError(f"Only a .tflite file is signed: omit --public-key for {model}.")
