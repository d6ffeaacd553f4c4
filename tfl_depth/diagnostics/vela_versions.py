"""The version of Vela that fits the software of a board."""

from __future__ import annotations

import re
from collections.abc import Mapping

# NXP's Linux releases, by their kernel, and the version of Vela that they contain for the i.MX 93:
# the recipes ethos-u-vela_VERSION.bb of https://github.com/nxp-imx/meta-imx (meta-imx-ml, before
# 6.6.3 meta-ml), whose SRCBRANCH names the release, as in lf-6.6.36_2.1.0. Releases without
# such a recipe are missing here.
NXP_VELA: Mapping[str, str] = {
    "6.1.55": "3.9.0",
    "6.6.3": "3.10.0",
    "6.6.23": "3.11.0",
    "6.6.36": "3.12.0",
    "6.12.3": "4.1.0",
    "6.12.20": "4.2.0",
    "6.12.49": "4.3.0",
    "6.18.2": "4.4.1",
    "6.18.20": "5.0.0",
}
# Boards with an Ethos-U.
TARGETS = ("imx93",)


def fitting_vela(target: str | None, kernel: str) -> str | None:
    """Return a sentence about the version of Vela that fits a board.

    Args:
        target: of the board, a name of `tfl_depth.targets.TARGETS`.
        kernel: its release, such as "6.6.36-lts-next-g1234567".

    Returns:
        None for a board without an Ethos-U.
    """
    if target not in TARGETS:
        return None
    release = re.match(r"\d+\.\d+\.\d+", kernel)
    version = NXP_VELA.get(release[0]) if release is not None else None
    if version is None:
        return (
            f"The version of Vela for the kernel {kernel or '(unknown)'} is unknown: see NXP's "
            "release notes of the image. If the NPU refuses a model, compile it with "
            "that one."
        )
    return (
        f"NXP's release with the kernel {kernel} contains Vela {version}. If the NPU refuses a "
        f"model, compile it with this version: pip install ethos-u-vela=={version} on the PC."
    )
