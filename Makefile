# Everything that a newcomer types. `make demo` and `make test` install what they need first.

# Python 3.11 to 3.13.
PYTHON ?= python3
# tflite-runtime ends with Python 3.11: where PYTHON is newer, name an older one here as well.
TFLITE_PYTHON ?= $(PYTHON)

# Errors only: TensorFlow greets, and tells of absent GPUs, on every start.
export TF_CPP_MIN_LOG_LEVEL = 3
export PIP_DISABLE_PIP_VERSION_CHECK = 1
export PIP_NO_INPUT = 1

# $(call python_between,COMMAND,OLDEST,NEWEST): succeeds where the Python 3 is of these minors.
python_between = $(1) -c 'import sys; sys.exit(not (3, $(2)) <= sys.version_info < (3, $(3) + 1))'

has_tflite_python := $(shell $(call python_between,$(TFLITE_PYTHON),11,11) 2>/dev/null && echo yes)

# What a processor can change: kernels, decoding, threads, files.
BOARD_TESTS = $(addprefix tests/runtime/test_,$(addsuffix .py,\
  exactness recombine interpreter runner self_check model_files))

.PHONY: setup demo test board-test coverage soak lint check figures clean
