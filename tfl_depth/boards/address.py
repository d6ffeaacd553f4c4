"""A board's address: ssh://user@host:port, or adb:SERIAL."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from tfl_depth.errors import BoardError

EXPECTED = "Expected an address like ssh://root@board.local or adb:SERIAL"
# A name that begins with - would be an option of ssh, where a user copies it into a terminal.
_HOST = re.compile(r"[\w.:%][\w.:%-]*")
_SERIAL = re.compile(r"[\w.:-]+")


@dataclass(frozen=True)
class SshAddress:
    """A host that SSH reaches.

    Attributes:
        host: a name, an IP address, or an alias of ~/.ssh/config.
        user, port: None where ~/.ssh/config, or SSH's own default, says them.
    """

    host: str
    user: str | None = None
    port: int | None = None


@dataclass(frozen=True)
class AdbAddress:
    """A device that the Android Debug Bridge reaches.

    Attributes:
        serial: as `adb devices` lists it.
    """

    serial: str


def parse_address(text: str) -> SshAddress | AdbAddress:
    """Read an address.

    Raises:
        BoardError: it is none.
    """
    kind, _, rest = text.partition(":")
    if kind == "adb" and _SERIAL.fullmatch(rest):
        return AdbAddress(rest)
    if kind == "ssh":
        return _ssh(text)
    raise BoardError(f"{EXPECTED}, got {text!r}.")


def _ssh(text: str) -> SshAddress:
    try:
        parts = urlsplit(text)
        host, user, port = parts.hostname, parts.username, parts.port
    except ValueError as error:
        raise BoardError(f"{EXPECTED}, got {text!r}: {error}.") from error
    if parts.password is not None:
        raise BoardError(f"{EXPECTED} without a password, got one: SSH takes your keys.")
    more = parts.path.strip("/") or parts.query or parts.fragment
    if more or not (_HOST.fullmatch(host or "") and _HOST.fullmatch(user or "_")):
        raise BoardError(f"{EXPECTED}, got {text!r}.")
    # Python makes the host's letters small; ~/.ssh/config tells them apart.
    host = str(host)
    start = parts.netloc.lower().rindex(host)
    return SshAddress(parts.netloc[start : start + len(host)], user or None, port)
