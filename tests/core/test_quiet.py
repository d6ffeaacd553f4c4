"""Chatter is dropped; errors and what comes after are not."""

from __future__ import annotations

import os

import pytest

from tfl_depth.quiet import quiet


def test_what_is_printed_is_dropped_even_natively(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with quiet():
        os.write(2, b"native chatter\n")
        print("where intermediate files lie")
    os.write(2, b"afterwards\n")
    out, err = capfd.readouterr()
    assert out == ""
    assert err == "afterwards\n"


def test_exceptions_pass_and_output_is_restored(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(KeyError, match="cause"), quiet():
        raise KeyError("cause")
    os.write(2, b"afterwards\n")
    print("and here")
    assert capfd.readouterr() == ("and here\n", "afterwards\n")
