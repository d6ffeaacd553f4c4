"""The figures of how close INT8 is to FP32."""

from __future__ import annotations

import numpy as np
import pytest

from docs.scripts import measure_fidelity


def test_the_deviation_is_of_each_pixel_s_own_depth() -> None:
    expected = [np.array([[1.0, 2.0, 4.0, 8.0]], np.float32)]
    found = [np.array([[1.01, 2.02, 4.12, 8.6]], np.float32)]
    deviation = measure_fidelity.deviation(found, expected)
    # 1, 1, 3 and 7.5 % of the depths.
    assert deviation["median_percent"] == pytest.approx(2.0)
    assert deviation["p95_percent"] == pytest.approx(6.825)
    assert deviation["wraps"] == 0.25


def test_the_document_has_the_table_of_the_result_file() -> None:
    assert measure_fidelity.table() in measure_fidelity.DECISION.read_text(encoding="utf-8")
