"""The tests that train or run with JAX, which compiles for a minute: `make jax-test` runs them."""

from __future__ import annotations

import os

import pytest

VARIABLE = "TFL_DEPTH_JAX"
by_jax = pytest.mark.skipif(not os.environ.get(VARIABLE), reason="run by make jax-test")
