"""What holds for all tests."""

from __future__ import annotations

import os

# Warnings are errors in the processes that tests start, too. Except, as in pyproject.toml: Keras
# hands TensorFlow variables to numpy 2 without the newer `copy` keyword.
os.environ.setdefault(
    "PYTHONWARNINGS",
    "error,ignore:__array__ implementation doesn't accept a copy:DeprecationWarning",
)
