"""Rounding in turn, against its definition."""

from __future__ import annotations

import numpy as np

from tfl_depth.converters.ptq.gptq import BLOCK, farthest, gptq_round, triangular_factor

RANDOM = np.random.default_rng(0)
NONE = np.False_


def grams(inputs: int) -> np.ndarray:
    x = RANDOM.normal(size=(3 * inputs, inputs)) @ RANDOM.normal(size=(inputs, inputs))
    return (x.T @ x / len(x) + 0.01 * np.eye(inputs))[None]


def test_factor_is_upper_triangular_and_gives_the_gram() -> None:
    gram = grams(7)
    factor = triangular_factor(gram)
    np.testing.assert_array_equal(factor[0], np.triu(factor[0]))
    np.testing.assert_allclose(factor @ np.swapaxes(factor, 1, 2), gram)


def test_of_independent_inputs_it_rounds_to_nearest() -> None:
    weights = RANDOM.normal(size=(2, 3, 9))
    end = np.abs(weights).max(axis=2, keepdims=True)
    factor = triangular_factor(np.stack([np.eye(9)] * 2))
    rounded = gptq_round(weights, end, factor, farthest(weights, per_channel=True))
    step = end / 127
    np.testing.assert_allclose(rounded, np.rint(weights / step) * step)


def test_it_is_gptq_as_published() -> None:
    """Over more than one block, against the inverse's Cholesky factor column by column."""
    inputs = BLOCK + 9
    gram, weights = grams(inputs), RANDOM.normal(size=(1, 4, inputs))
    end = np.full((1, 4, 1), 2.0)
    found = gptq_round(weights, end, triangular_factor(gram), np.zeros(weights.shape, bool))
    upper = np.linalg.cholesky(np.linalg.inv(gram[0])).T
    left, expected, step = weights[0].copy(), np.empty((4, inputs)), 2.0 / 127
    for i in range(inputs):
        expected[:, i] = np.clip(np.rint(left[:, i] / step), -127, 127) * step
        rest = (left[:, i] - expected[:, i]) / upper[i, i]
        left[:, i + 1 :] -= np.outer(rest, upper[i, i + 1 :])
    assert np.mean(np.isclose(found[0], expected)) > 0.99


def test_it_leaves_less_error_than_rounding_to_nearest() -> None:
    gram, weights = grams(40), RANDOM.normal(size=(1, 16, 40))
    end = np.abs(weights).max(axis=2, keepdims=True)
    at_end = farthest(weights, per_channel=True)
    rounded = gptq_round(weights, end, triangular_factor(gram), at_end)
    nearest = np.rint(weights / end * 127) * end / 127

    def error(values: np.ndarray) -> float:
        difference = (values - weights)[0]
        return float(np.einsum("fi,ij,fj->", difference, gram[0], difference))

    assert error(rounded) < 0.5 * error(nearest)


def test_largest_weights_keep_the_grids_ends() -> None:
    weights = RANDOM.normal(size=(1, 5, 12))
    at_end = farthest(weights, per_channel=False)
    assert at_end.sum() == 1
    end = np.abs(weights).max(keepdims=True)
    rounded = gptq_round(weights, end, triangular_factor(grams(12)), at_end)
    assert np.isclose(np.abs(rounded).max(), end.item())
