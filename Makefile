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

# Files are compared with the hashes that `make hashes` has noted. The lists are complete: pip need
# not look for dependencies, which it would refuse where one asks for an extra, as coverage[toml].
INSTALL = pip install --quiet --require-hashes --no-deps

# A process for each core. Each may take 2 GB of memory. The tests of a file share what they make.
# The files keep the order of tests/conftest.py, the longest first.
PARALLEL = --numprocesses logical --maxprocesses 8 --dist loadfile --no-loadscope-reorder

# What a processor can change: kernels and decoding.
KERNEL_TESTS = $(addprefix tests/runtime/test_,exactness.py postprocess.py \
  $(addprefix golden_check.py::test_,reference_kernels_give_the_golden_depth_to_the_bit \
  correct_kernels_are_right))
# And all that depends on them: threads, files.
BOARD_TESTS = $(addprefix tests/runtime/test_,$(addsuffix .py,exactness golden_check postprocess \
  interpreter runner self_check model_files))

.PHONY: setup demo test tflite-test board-test openvino-test tosa-test qnn-test htp-spans rknn-test engines gstreamer-test programs-test cluster-test \
  frameworks-test jax-test pythons-test kernels coverage soak fuzz hashes lint check figures figures-zoo notebooks \
  figures-demo benchmark strategy docs pictures dist dist-check dist-test clean

setup: .venv/.complete

.venv/.complete: requirements/hashed/dev.txt setup.cfg
	@$(call python_between,$(PYTHON),11,13) || { \
	  echo 'TensorFlow 2.21 needs Python 3.11 to 3.13, "$(PYTHON)" is none; try make PYTHON=python3.12'; \
	  exit 1; }
	@echo 'Installing TensorFlow and the tools into .venv; this takes a few minutes.'
	$(PYTHON) -m venv .venv
	.venv/bin/python -m $(INSTALL) --requirement $<
	.venv/bin/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

.venv-tflite/.complete: requirements/hashed/tflite-runtime.txt
	$(TFLITE_PYTHON) -m venv .venv-tflite
	.venv-tflite/bin/python -m $(INSTALL) --requirement $<
	@touch $@

# What converts a float .tflite and runs the result: neither TensorFlow nor Keras.
.venv-demo/.complete: requirements/hashed/demo.txt
	@$(call python_between,$(PYTHON),11,14) || { \
	  echo 'The demo needs Python 3.11 to 3.14, "$(PYTHON)" is none; try make PYTHON=python3.12'; \
	  exit 1; }
	@echo 'Installing what the demo needs into .venv-demo.'
	@$(PYTHON) -m venv .venv-demo
	@.venv-demo/bin/python -m $(INSTALL) --requirement $<
	@printf '#!%s\nimport sys\nfrom tfl_depth.tools.cli import main\nsys.exit(main())\n' \
	  '$(CURDIR)/.venv-demo/bin/python' >.venv-demo/bin/tfl-depth
	@chmod +x .venv-demo/bin/tfl-depth
	@echo '$(CURDIR)' >"$$(.venv-demo/bin/python -c \
	  'import sysconfig; print(sysconfig.get_path("purelib"))')/tfl-depth.pth"
	@touch $@

demo: .venv-demo/.complete
	.venv-demo/bin/python -m docs.scripts.demo

# The models that the light tests open: made here, as tflite-runtime and TensorFlow exclude each other.
build/test-models/.complete: $(addprefix tests/support/,make_models.py ramp.py vela.py) \
  $(shell find converters tfl_depth -name '*.py') | .venv/.complete
	.venv/bin/python -m tests.support.make_models $(@D)

# An arm64 userland without root, for whatever processor this is: some 100 MB to download.
build/board/.complete: tests/support/make_board.py requirements/tflite-runtime.txt requirements/dev.txt \
  | .venv/.complete
	@echo 'Unpacking an arm64 userland into $(@D).'
	@.venv/bin/python -m tests.support.make_board $(@D)

# The runtime's tests on aarch64, emulated, with each interpreter package: some minutes.
EMULATED = board-test-tflite-runtime board-test-ai-edge-litert board-test-armnn
board-test: $(EMULATED) board-test-by-name
board-test-%: build/board/.complete build/test-models/.complete
	build/board/$*/python -m pytest -p no:cacheprovider $(BOARD_TESTS)

# Arm NN of Debian 13, emulated as well: some 60 MB to download.
build/armnn/.complete: $(addprefix tests/support/,make_armnn.py make_board.py) | .venv/.complete
	@echo 'Unpacking an arm64 userland with Arm NN into $(@D).'
	@.venv/bin/python -m tests.support.make_armnn $(@D)

board-test-armnn: build/armnn/.complete build/test-models/.complete
	TFL_DEPTH_PROOF=build .venv/bin/python -m pytest -p no:cacheprovider tests/proof/test_armnn.py

# Debian's OpenSSH server: a few MB to download.
build/sshd/.complete: tests/support/make_sshd.py tests/support/debian.py | .venv/.complete
	@.venv/bin/python -m tests.support.make_sshd $(@D)

# The commands on that userland as a board, over SSH on the loopback.
board-test-by-name: build/board/.complete build/sshd/.complete build/test-models/.complete
	TFL_DEPTH_BOARD=$(CURDIR)/build/board/tflite-runtime .venv/bin/python -m pytest \
	  tests/boards/test_real_ssh.py

# The tests that need no TensorFlow, with a board's interpreter and numpy 1: all, or the quick ones.
MARK ?= no_tensorflow
ifeq ($(has_tflite_python),yes)
tflite-test: .venv-tflite/.complete build/test-models/.complete
	.venv-tflite/bin/python -m pytest -m $(MARK)
else
tflite-test:
	@echo 'Skipped: the tests with tflite-runtime, which needs Python 3.11 (set TFLITE_PYTHON).'
endif

# All tests, then the runtime's quick ones with tflite-runtime, and those of kernels on aarch64, two
# environments at a time. In full: make tflite-test, make board-test.
AGAIN = $(MAKE) --no-print-directory MARK=light BOARD_TESTS='$(KERNEL_TESTS)'
test: setup build/test-models/.complete
	.venv/bin/python -m pytest $(PARALLEL)
	@if $(MAKE) --no-print-directory build/board/.complete; then $(AGAIN) --jobs 2 \
	  --output-sync=target tflite-test board-test-ai-edge-litert board-test-armnn; \
	else echo 'Skipped: the tests on aarch64, for the reason above.'; $(AGAIN) tflite-test; fi

# Lines and branches of runtime/ that the tests without TensorFlow run; below 95 % it fails.
coverage: setup build/test-models/.complete
	.venv/bin/python -m pytest -m no_tensorflow --cov --cov-report=term-missing

# OpenVINO in a folder of its own: nothing else needs it.
build/openvino/.complete: requirements/hashed/openvino.txt | .venv/.complete
	.venv/bin/python -m $(INSTALL) --upgrade --target $(@D) --requirement $<
	@touch $@

# LiteRT's NPU dispatch for real, by OpenVINO on its CPU device.
openvino-test: setup build/test-models/.complete build/openvino/.complete
	LD_LIBRARY_PATH=build/openvino/openvino/libs .venv/bin/python -m pytest \
	  tests/runtime/test_litert_npu.py

# Arm's reference model of TOSA and TensorFlow Lite Micro in a folder of their own, 240 MB: no other
# process may have it on its path, since it holds modules of common names.
# Without --upgrade, by which pip puts the packages' scripts in the place of their programs in bin/.
build/tosa/.complete: requirements/hashed/tosa.txt | .venv/.complete
	rm -rf $(@D)
	.venv/bin/python -m $(INSTALL) --target $(@D) --requirement $<
	@touch $@

# Every ramp and every network of the zoo, byte for byte in Arm's own arithmetic. By hand, with the
# parts that it installs: TFL_DEPTH_PROOF=build tools/prove MODEL
tosa-test: setup build/test-models/.complete build/tosa/.complete
	TFL_DEPTH_PROOF=build .venv/bin/python -m pytest $(PARALLEL) tests/proof/test_zero_bytes.py

# Qualcomm's libraries and ONNX Runtime in a folder of their own: 130 MB to download, 350 MB unpacked.
build/qnn/.complete: requirements/hashed/qnn.txt | .venv/.complete
	.venv/bin/python -m $(INSTALL) --upgrade --target $(@D) --requirement $<
	@touch $@

# What each engine of proof that is installed makes of ramps and of the zoo, docs/figures/engines.json:
# some minutes. `make figures` writes the tables.
RAMPS = $(foreach spans,10m-1m 10m-0.5m 15m-1m 15m-0.5m 80m-growing,\
  build/test-models/ramp-$(spans)-split-int8.tflite)
engines: setup build/test-models/.complete
	for entry in zoo/*/model.keras; do .venv/bin/python -m tests.support.make_zoo \
	  build/zoo-int8/$$(basename $$(dirname $$entry)).tflite || exit 1; done
	TFL_DEPTH_PROOF=build .venv/bin/python -m tests.support.engine_differences \
	  docs/figures/engines.json $(RAMPS) build/test-models/net.tflite build/zoo-int8/*.tflite

# Qualcomm's compiler for each chip, its HTP library on x86, and the delegate onnxruntime-qnn, which a
# board uses: not part of `make test`.
qnn-test: setup build/test-models/.complete build/qnn/.complete
	TFL_DEPTH_PROOF=build .venv/bin/python -m pytest tests/proof/test_qnn.py
	PYTHONPATH=build/qnn TFL_DEPTH_PROOF=build .venv/bin/python -m pytest \
	  tests/runtime/test_onnxruntime_qnn.py

# What each number of codes a span costs in an HTP's arithmetic, docs/figures/htp_spans.json: minutes.
htp-spans: setup build/qnn/.complete
	TFL_DEPTH_PROOF=build .venv/bin/python -m tests.support.htp_spans docs/figures/htp_spans.json

# Rockchip's compiler and simulator in an environment of their own: 7 GB, with TensorFlow and PyTorch.
# Not hashed: its own pins decide. Python 3.8 to 3.12: make rknn-test RKNN_PYTHON=python3.10
RKNN_PYTHON ?= python3.11
build/rknn/.complete: requirements/rknn.txt
	$(RKNN_PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip install --quiet --requirement $<
	@touch $@

# Both of them, for real: not part of `make test`.
rknn-test: setup build/test-models/.complete build/rknn/.complete
	TFL_DEPTH_PROOF=build .venv/bin/python -m pytest tests/proof/test_rknn.py

# GStreamer and its Python bindings, without root, of Debian's packages for this Python.
GSTREAMER = python3-gi libgirepository-1.0-1 gir1.2-glib-2.0 gir1.2-gstreamer-1.0 \
  gir1.2-gst-plugins-base-1.0 libgstreamer1.0-0 libgstreamer-plugins-base1.0-0 \
  gstreamer1.0-plugins-base liborc-0.4-0
build/gstreamer/.complete:
	rm -rf $(@D) && mkdir -p $(@D)
	cd $(@D) && apt-get download --quiet $(GSTREAMER) && \
	  for package in *.deb; do dpkg-deb --extract $$package root || exit 1; done
	@touch $@

# examples/programs/gstreamer_depth.py, between pipelines: some 5 MB to download.
gstreamer-test: setup build/test-models/.complete build/gstreamer/.complete
	.venv/bin/python -m pytest -rs tests/docs/test_gstreamer.py

# Open3D, Rerun and rosbags in a folder of their own: 300 MB to download.
build/programs/.complete: requirements/hashed/programs.txt | .venv/.complete
	.venv/bin/python -m $(INSTALL) --upgrade --target $(@D) --requirement $<
	@touch $@

# examples/programs with other people's programs; dash, which Open3D brings, has a plugin of pytest.
programs-test: setup build/test-models/.complete build/programs/.complete
	PYTHONPATH=build/programs .venv/bin/python -m pytest -rs -p no:dash \
	  tests/docs/test_viewers.py tests/docs/test_ros_node.py

# Ray and Dask in a folder of their own: nothing else needs them. 90 MB to download.
build/cluster/.complete: requirements/hashed/cluster.txt | .venv/.complete
	.venv/bin/python -m $(INSTALL) --upgrade --target $(@D) --requirement $<
	@touch $@

# --jobs and --cluster of infer, evaluate and strategy, on this machine's processes and on Ray and Dask
# clusters of two workers, of which one is killed: ten minutes, not part of `make test`.
cluster-test: setup build/test-models/.complete build/cluster/.complete
	PYTHONPATH=build/cluster .venv/bin/python -m pytest -rs tests/tools/test_clusters.py

# PyTorch, ONNX and Keras 2 as the way in. Each has an environment below ~/.cache/tfl-depth: 5 GB and
# some ten minutes, once. Left out where no Python fits. One of them: make frameworks-test FRAMEWORKS=onnx
FRAMEWORKS ?= onnx torch keras2
frameworks-test: setup
	-.venv/bin/python -m tfl_depth.converters.importers.environments $(FRAMEWORKS)
	TFL_DEPTH_FRAMEWORKS="$(FRAMEWORKS)" .venv/bin/python -m pytest -m frameworks -rs $(PARALLEL) \
	  tests/converters/importers tests/networks tests/docs/test_notebooks.py

# Keras with JAX: training on two hosts, and the networks. Compiling takes most of its minute.
jax-test: setup
	TFL_DEPTH_JAX=1 .venv/bin/python -m pytest tests/training/test_distributed.py \
	  tests/models/test_models.py -k 'hosts or jax'

# Conversion of a float .tflite, and the runtime, on Debian's newer Pythons, where neither TensorFlow
# nor Keras is installed: 150 MB to download for each.
PYTHONS = 3.13 3.14
pythons-test: $(addprefix pythons-test-,$(PYTHONS))
.PRECIOUS: build/python-%/.complete
build/python-%/.complete: tests/support/make_python.py requirements/hashed/pythons.txt | .venv/.complete
	.venv/bin/python -m tests.support.make_python $(@D) $*
pythons-test-%: build/python-%/.complete build/test-models/.complete
	PYTHONPATH=$(CURDIR) build/python-$*/python -m pytest -p no:cacheprovider tests/converters/test_alone.py \
	  tests/converters/graph tests/converters/head tests/converters/quantize/test_kernels.py \
	  tests/converters/verify tests/format $(BOARD_TESTS)

# What tests do in full where $TFL_DEPTH_FULL is set: threads, endurance, hostile images, training
# with JAX, more networks and encoders, all of the zoo, a study of real photos. Then the runtime's
# tests with every interpreter package. An hour.
soak: setup build/test-models/.complete
	TFL_DEPTH_FULL=1 .venv/bin/python -m pytest -m 'not frameworks' \
	  $$(grep --recursive --files-with-matches --include='test_*.py' 'support.length import' tests)
	$(MAKE) tflite-test board-test

# Atheris in a folder of its own: nothing else needs it.
build/atheris/.complete: requirements/hashed/fuzz.txt | .venv/.complete
	.venv/bin/python -m $(INSTALL) --upgrade --target $(@D) --requirement $<
	@touch $@

# Everything that reads files from elsewhere, under a fuzzer: ten seconds for each target.
# Longer, or one of them: make fuzz FUZZ_SECONDS=3600 TARGETS=model. Findings are in build/fuzz.
FUZZ_SECONDS ?= 10
fuzz: setup build/test-models/.complete build/atheris/.complete
	PYTHONPATH=build/atheris .venv/bin/python -m tests.fuzz $(FUZZ_SECONDS) $(TARGETS)

# uv in a folder of its own: nothing else needs it.
build/uv/.complete: | .venv/.complete
	.venv/bin/python -m pip install --quiet --upgrade --target $(@D) uv==0.13.9
	@touch $@

# The hashes of every file of what requirements/ pins, into requirements/hashed: after a pin changes.
# 3.11.2 is the Python of Debian 12.
HASHED = dev cluster demo tflite-runtime fuzz openvino peers programs pythons tosa qnn publish
hashes: build/uv/.complete
	for name in $(HASHED); do build/uv/bin/uv pip compile --quiet --universal --no-deps \
	  --python-version 3.11.2 --generate-hashes --custom-compile-command 'make hashes' \
	  --no-annotate --output-file requirements/hashed/$$name.txt requirements/$$name.txt || exit 1; \
	done

lint: setup
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy

check: lint test

# The documents' tables from their result files, which `make strategy`, `figures-zoo` and `benchmark`
# measure, and `tools/train`.
figures: setup
	.venv/bin/python -m docs.scripts.figures

# What Vela estimates of each network of the zoo, into docs/figures/zoo_latency.json, and the tables
# and the picture of it: some minutes.
figures-zoo: setup
	.venv/bin/python -m docs.scripts.zoo_latency

# The picture of README.md, as the demo makes it.
figures-demo: setup
	.venv/bin/python -m docs.scripts.demo --picture docs/images/demo.png

# The notebooks, with what they print and draw: some minutes, PyTorch's environment not counted.
notebooks: setup
	.venv/bin/python -m docs.scripts.run_notebooks docs/notebooks/what-int8-costs.ipynb
	.venv/bin/python -m docs.scripts.run_notebooks docs/notebooks/pytorch-to-int8.ipynb \
	  --environment torch

# The documentation site, build/site/index.html; a broken link is an error.
docs: setup
	NO_MKDOCS_2_WARNING=1 .venv/bin/python -m mkdocs build --strict

# The documents' drawings, and the placement report that docs/placement.md explains.
pictures: setup
	.venv/bin/python -m docs.scripts.make_pictures
	.venv/bin/python -m docs.scripts.make_placement

# The speed of the runtime, and of others beside it, into docs/benchmark.md: some minutes, in which
# nothing else should run.
benchmark: setup
	.venv/bin/python -m $(INSTALL) --requirement requirements/hashed/peers.txt
	.venv/bin/python -m docs.scripts.benchmark_figures

# How far correct kernels lie apart, which tolerances rest on: docs/figures/kernels.json, by the
# packages of every environment. DATA=path/to/photos; half an hour.
KERNEL_MODELS = build/kernels/*.tflite build/test-models/net.tflite \
  build/test-models/ramp-10m-1m-split-int8.tflite
kernels: setup .venv-tflite/.complete build/board/.complete build/test-models/.complete
	@test -n "$(DATA)" || { echo 'Which photos? make kernels DATA=path/to/photos'; exit 1; }
	.venv/bin/python -m tests.support.kernel_differences convert $(DATA) build/kernels
	for python in .venv/bin .venv-tflite/bin build/board/tflite-runtime build/board/ai-edge-litert; \
	do $$python/python -m tests.support.kernel_differences measure docs/figures/kernels.json \
	  $(KERNEL_MODELS) || exit 1; done

# A wheel and a source archive of this version, in dist/. The wheel is built from the archive; what an
# older build has left of lists of files would come into both.
dist: setup
	rm -rf dist tfl_depth.egg-info
	.venv/bin/python -m build --no-isolation

# twine and check-wheel-contents in a folder of their own: nothing else needs them.
build/publish/.complete: requirements/hashed/publish.txt | .venv/.complete
	.venv/bin/python -m $(INSTALL) --upgrade --target $(@D) --requirement $<
	@touch $@

# What an index would refuse of both, or show wrongly: metadata, description, files.
dist-check: dist build/publish/.complete
	PYTHONPATH=build/publish .venv/bin/python -m twine check --strict dist/*
	PYTHONPATH=build/publish .venv/bin/python -m check_wheel_contents dist/*.whl

# Both of them, installed in a clean environment of each Python, and tested there:
# make dist-test PYTHONS='python3.10 /opt/python3.13/bin/python3'
PYTHONS ?= $(shell for minor in 10 11 12 13; do \
  python3.$$minor -c '' 2>/dev/null && echo python3.$$minor; done)
dist-test: dist build/test-models/.complete
	.venv/bin/python -m tests.support.try_dist dist build/dist-test --pythons $(PYTHONS)

# Every way to int8 on the zoo's networks, into docs/strategy: an hour or more, going on where it was
# interrupted. DATA=path/to/data, with nyuv2 and redkitchen in it.
strategy: setup
	@test -n "$(DATA)" || { echo 'Which data? make strategy DATA=path/to/data'; exit 1; }
	tools/strategy zoo/lite0-nyu-192x256/model.keras --dataset nyuv2 \
	  --data $(DATA)/nyuv2 --output docs/strategy
	tools/strategy zoo/lite0-redkitchen-192x256/model.keras --dataset redkitchen \
	  --data $(DATA)/redkitchen --split test --output docs/strategy

# The environments stay: removing .venv and .venv-tflite is left to you.
clean:
	rm -rf build dist .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find tfl_depth converters runtime tools tests -name __pycache__ -prune -exec rm -r {} +
