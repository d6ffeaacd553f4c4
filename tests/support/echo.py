"""Prints its arguments: a module that tests start."""

from __future__ import annotations

import sys

if __name__ == "__main__":
    import numpy as np

    print(np.asarray(sys.argv[1:]).tolist())
