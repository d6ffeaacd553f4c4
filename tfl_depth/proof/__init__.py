"""Engines of proof: other implementations of a model's arithmetic, compared with golden vectors.

A runtime engine is fast and runs on boards. An engine of proof is slow: it is a vendor's reference
model, library or simulator. Each engine has a file here, `by_NAME.py`, which no other module
imports. The command is `tfl-depth prove`.
"""

from tfl_depth.proof.engine_table import ENGINES, EngineSpec
from tfl_depth.proof.prove_by import EngineProof, prove_by, prove_by_all

__all__ = ["ENGINES", "EngineProof", "EngineSpec", "prove_by", "prove_by_all"]
