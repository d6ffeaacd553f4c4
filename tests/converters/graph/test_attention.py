from __future__ import annotations

import numpy as np
import pytest

from tests.converters.graph.build import Build
from tests.converters.graph.same import applied, counts, kinds
from tfl_depth.converters.graph import Tensor, options
from tfl_depth.converters.graph.rewrites import canonicalize
from tfl_depth.converters.graph.rewrites.dense_parts import split_dense
from tfl_depth.converters.graph.rewrites.matrix_products import products_to_fully_connected

TOKENS, WIDTH, HEADS = 12, 8, 2
DEPTH = WIDTH // HEADS


def _attend(build: Build, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Scaled dot-product attention of heads (1, heads, tokens, depth), and their joining."""
    scores = build.matmul(q, build.transpose(k, 0, 1, 3, 2))
    shares = build.softmax(build.binary("MUL", scores, DEPTH**-0.5))
    mixed = build.transpose(build.matmul(shares, v), 0, 2, 1, 3)
    return build.reshape(mixed, 1, TOKENS, WIDTH)


def _by_litert_torch(build: Build) -> Tensor:
    """One dense layer, five dimensions, three slices."""
    y = build.reshape(build.dense(build.x, 3 * WIDTH), 1, TOKENS, 3, HEADS, DEPTH)
    y = build.transpose(y, 2, 0, 3, 1, 4)
    shape = (1, 1, HEADS, TOKENS, DEPTH)
    parts = [build.slice(y, (place, 0, 0, 0, 0), shape) for place in range(3)]
    q, k, v = (build.reshape(part, *shape[1:]) for part in parts)
    return build.dense(_attend(build, q, k, v), WIDTH)


def _by_onnx2tf(build: Build) -> Tensor:
    """Products with constants, and GATHER of single places."""
    y = build.binary("ADD", build.random(3 * WIDTH), build.matmul(build.x, build.random(8, 24)))
    y = build.transpose(build.reshape(y, 1, TOKENS, 3, HEADS, DEPTH), 2, 0, 3, 1, 4)
    made = options("GatherOptions", axis=0)
    shape = (1, HEADS, TOKENS, DEPTH)
    q, k, v = (build.apply("GATHER", [y, np.int32(place)], shape, made) for place in range(3))
    y = build.matmul(_attend(build, q, k, v), build.random(WIDTH, WIDTH), adj_y=True)
    return build.binary("ADD", y, build.random(WIDTH))


def _by_split(build: Build) -> Tensor:
    """torch.chunk along the channels, heads behind."""
    parts = build.split(build.dense(build.x, 3 * WIDTH), 3)
    q, k, v = (
        build.transpose(build.reshape(part, 1, TOKENS, HEADS, DEPTH), 0, 2, 1, 3) for part in parts
    )
    return build.dense(_attend(build, q, k, v), WIDTH)


@pytest.mark.parametrize("exported", [_by_litert_torch, _by_onnx2tf, _by_split])
def test_attention_comes_apart_into_dense_layers_and_products(exported: object) -> None:
    build = Build(1, TOKENS, WIDTH)
    graph = build.graph(exported(build))  # type: ignore[operator]
    applied(graph, canonicalize)
    found = counts(graph)
    assert found["FULLY_CONNECTED"] == 4
    assert found["BATCH_MATMUL"] == 2
    # The factor 1 / sqrt(depth) is in the layer of q.
    assert set(found) <= {"FULLY_CONNECTED", "BATCH_MATMUL", "SOFTMAX", "RESHAPE", "TRANSPOSE"}
    assert max(len(op.output.shape) for op in graph.operators) == 4


def test_products_with_a_constant_on_either_side_are_dense_layers() -> None:
    build = Build(1, 2, 4, 6)
    left = build.matmul(build.random(5, 4), build.x)
    right = build.matmul(build.x, build.random(1, 1, 3, 6), adj_y=True)
    both = build.matmul(build.x, build.random(4, 7), adj_x=True)
    graph = build.graph(left, right, both)
    assert applied(graph, products_to_fully_connected) == 3
    assert "BATCH_MATMUL" not in kinds(graph)


def test_products_with_several_matrices_stay() -> None:
    build = Build(1, 2, 4, 6)
    graph = build.graph(build.matmul(build.x, build.random(1, 2, 6, 3)))
    assert applied(graph, products_to_fully_connected) == 0


def test_a_layer_that_is_taken_whole_as_well_is_not_split() -> None:
    build = Build(1, TOKENS, WIDTH)
    y = build.dense(build.x, WIDTH)
    first = build.slice(y, (0, 0, 0), (1, TOKENS, 4))
    graph = build.graph(build.unary("ABS", y), first)
    assert applied(graph, split_dense) == 0


def test_parts_across_heads_are_not_split() -> None:
    build = Build(1, TOKENS, WIDTH)
    y = build.reshape(build.dense(build.x, WIDTH), 1, TOKENS, HEADS, DEPTH)
    parts = [build.slice(y, (0, 0, 0, at), (1, TOKENS, HEADS, 2)) for at in (0, 2)]
    graph = build.graph(*parts)
    assert applied(graph, split_dense) == 0


def test_convolutions_are_split_into_the_parts_that_are_used() -> None:
    build = Build(1, 4, 6, 3)
    first, _, third = build.split(build.conv(build.x, 12, 3, activation="RELU"), 3)
    graph = build.graph(build.binary("MUL", first, build.unary("LOGISTIC", third)))
    assert applied(graph, split_dense) == 1
    assert kinds(graph) == ["CONV_2D", "CONV_2D", "LOGISTIC", "MUL"]


def test_a_factor_of_scores_moves_before_their_product_only_if_it_is_one_number() -> None:
    build = Build(1, 2, 4, 6)
    y = build.matmul(build.unary("ABS", build.x), build.transpose(build.x, 0, 1, 3, 2))
    graph = build.graph(build.softmax(build.binary("MUL", y, build.random(4))))
    applied(graph, canonicalize)
    assert kinds(graph)[-2:] == ["MUL", "SOFTMAX"]
