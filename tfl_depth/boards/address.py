"""A board's address: ssh://user@host:port, or adb:SERIAL."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from tfl_depth.errors import BoardError

EXPECTED = "Expected an address like ssh://root@board.local or adb:SERIAL"
# A name that begins with - would be an option of ssh if a user copies it into a terminal.
_HOST = re.compile(r"[\w.:%][\w.:%-]*")
_SERIAL = re.compile(r"[\w.:-]+")


@dataclass(frozen=True)
class SshAddress:
    """A host for SSH.

    Attributes:
        host: a name, an IP address, or an alias of ~/.ssh/config.
        user, port: None for those of ~/.ssh/config or the defaults of SSH.
    """

    host: str
    user: str | None = None
    port: int | None = None


@dataclass(frozen=True)
class AdbAddress:
    """A device for the Android Debug Bridge.

    Attributes:
        serial: as `adb devices` lists it.
    """

    serial: str


def parse_address(text: str) -> SshAddress | AdbAddress:
    """Parse an address.

    Raises:
        BoardError: it is not an address.
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
        raise BoardError(f"{EXPECTED} without a password, got one: SSH uses your keys.")
    more = parts.path.strip("/") or parts.query or parts.fragment
    if more or not (_HOST.fullmatch(host or "") and _HOST.fullmatch(user or "_")):
        raise BoardError(f"{EXPECTED}, got {text!r}.")
    # Python makes the host's letters lower case, but ~/.ssh/config is case-sensitive.
    host = str(host)
    start = parts.netloc.lower().rindex(host)
    return SshAddress(parts.netloc[start : start + len(host)], user or None, port)
