"""Engines of proof: other implementations of a model's arithmetic, each beside the golden vectors.

A runtime engine is fast and runs on boards. An engine of proof is slow and says what a part of a
vendor computes: its reference model, its library, its simulator. Each engine has a file here,
`by_NAME.py`, and nothing else of the package imports it. `tfl-depth prove` is the command.
"""

from tfl_depth.proof.engine_table import ENGINES, EngineSpec
from tfl_depth.proof.prove_by import EngineProof, prove_by, prove_by_all

__all__ = ["ENGINES", "EngineProof", "EngineSpec", "prove_by", "prove_by_all"]
