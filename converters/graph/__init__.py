"""The graph of a network: its form, its .tflite file, its execution and its rewrites."""

from tfl_depth.converters.graph.flatbuffer import options, read_graph, write_graph
from tfl_depth.converters.graph.graph import Graph, Operator, Quantization, Tensor, constant
from tfl_depth.converters.graph.run import GraphRunner, piece

__all__ = [
    "Graph",
    "GraphRunner",
    "Operator",
    "Quantization",
    "Tensor",
    "constant",
    "options",
    "piece",
    "read_graph",
    "write_graph",
]
