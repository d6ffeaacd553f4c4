"""`tfl-depth sign`: sign a model, so that a device can check its author."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from tfl_depth.errors import SignatureError
from tfl_depth.files import create_together, write_whole
from tfl_depth.tools.lib import command_result, command_run, model_options
from tfl_depth.tools.lib.command_parser import CommandParser, make_parser

EXAMPLE = "tfl-depth sign model.tflite --key release-private.pem --output signed.tflite"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    parser = _parser()
    options = parser.parse_args(argv)
    if (options.model is None) == (options.key is not None):
        parser.error("expected MODEL and --key, or --new-key alone")
    return command_run.run(lambda: _new_key(options) if options.model is None else _sign(options))


def _parser() -> CommandParser:
    parser = make_parser(
        "tfl-depth sign",
        "Sign a .tflite model with Ed25519, inside the file. Sign it last: compiling or "
        "converting\nit again removes the signature. A device passes the public key to "
        "DepthRunner, which\nthen refuses every other file.",
        EXAMPLE,
    )
    parser.add_argument("model", nargs="?", type=Path, metavar="MODEL", help="a .tflite")
    key = parser.add_mutually_exclusive_group(required=True)
    key.add_argument("--key", type=Path, metavar="FILE", help="the private key, a .pem")
    key.add_argument(
        "--new-key",
        type=Path,
        metavar="NAME",
        help="create a pair of keys: NAME-private.pem, to be kept secret, and NAME-public.pem",
    )
    parser.add_argument(
        "--output", type=Path, metavar="FILE", help="the signed file (MODEL itself)"
    )
    command_result.add_json(parser)
    return parser


def _sign(options: argparse.Namespace) -> None:
    from tfl_depth.format.signing import sign

    model_options.expect_model(options.model)
    output = options.output or options.model
    write_whole(output, sign(options.model.read_bytes(), options.key))
    command_result.tell(options, {"signed": str(output)}, f"signed: {output}")


def _new_key(options: argparse.Namespace) -> None:
    from tfl_depth.format.signing import new_key_pair

    files = [
        options.new_key.with_name(f"{options.new_key.name}-{kind}.pem")
        for kind in ("private", "public")
    ]
    private, public = map(str, files)
    try:
        create_together(dict(zip(files, new_key_pair(), strict=True)), secret=files[:1])
    except FileExistsError as error:
        there = error.filename2 or error.filename
        raise SignatureError(
            f"{there} exists, and a key is never replaced. Choose another name."
        ) from error
    text = f"private key, to be kept secret: {private}\npublic key: {public}"
    command_result.tell(options, {"private_key": private, "public_key": public}, text)
