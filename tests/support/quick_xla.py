"""XLA without its costly optimizations: compiling takes most of the time of a small JAX test."""

from __future__ import annotations

QUICK_XLA = {
    "XLA_FLAGS": "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
}
