"""The environment variables of a process that trains."""

from __future__ import annotations

# A process reads these variables when it starts. By default glibc returns freed blocks above
# 128 KiB to the kernel, which fills them with zeros for the next step: a training batch took 2.6 s,
# and 0.73 s with these variables (docs/decisions/002). TensorFlow uses its fast kernels by default
# only on newer processors (docs/decisions/004).
TRAINING_ENVIRONMENT = {
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": str(2**34),
    "MALLOC_TOP_PAD_": str(2**28),
    "TF_ENABLE_ONEDNN_OPTS": "1",
}
