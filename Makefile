# Every target makes the environment it needs; nothing has to be activated.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := .tools/bin/uv
STAMP := $(VENV)/.made

export DO_NOT_TRACK = 1
# Compiled once here, not by every process again where PYTHONDONTWRITEBYTECODE is set.
export UV_COMPILE_BYTECODE = 1

.PHONY: env run test test-slow soak check bench lock clean

env: $(STAMP)

$(UV): requirements-uv.lock
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --upgrade --target .tools --require-hashes -r requirements-uv.lock
	@touch $(UV)

# A change of either lock or of pyproject makes the environment again; uv's cache keeps that short.
$(STAMP): $(UV) requirements.lock pyproject.toml
	@test -x $(BIN)/python || $(UV) venv --quiet --python $(PYTHON) $(VENV)
	$(UV) pip sync --quiet --python $(BIN)/python --require-hashes requirements.lock
	$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $(STAMP)

run: env
	@$(BIN)/impasto run

# Two at a time, each with one thread: half of the time goes into waiting for servers and processes.
test: env
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist loadfile -m "not slow and not soak"

test-slow: env
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist loadfile -m slow

soak: env
	$(BIN)/pytest -m soak

check: env
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Hours of measuring against what else there is; each file in benchmarks/ says what it needs of the two folders.
bench: env
	@test -n "$(PICTURES)" -a -n "$(BASELINES)" || { echo "make bench PICTURES=DIR BASELINES=DIR"; exit 2; }
	$(BIN)/python benchmarks/fetch.py
	$(BIN)/python benchmarks/curate.py --pictures $(PICTURES) --baseline $(BASELINES)/crop_baseline.py
	$(BIN)/python benchmarks/large.py --pictures $(PICTURES) --baseline $(BASELINES)/crop_baseline.py
	$(BIN)/python benchmarks/faces.py --pictures $(PICTURES)
	$(BIN)/python benchmarks/duplicates.py --pictures $(PICTURES)/clothing128 $(PICTURES)/shoes $(PICTURES)/portraits
	$(BIN)/python benchmarks/hashes.py
	$(BIN)/python benchmarks/memory.py
	$(BIN)/python benchmarks/train.py --pictures $(PICTURES)/clothing128 --baseline $(BASELINES)/dcgan_baseline.py
	$(BIN)/python benchmarks/quality.py --pictures $(PICTURES) --baseline $(BASELINES)/dcgan_baseline.py --judge $(BASELINES)/kid.py --sets clothing128 portraits
	folder=$$(mktemp -d) && $(BIN)/python benchmarks/quickstart_seeds.py --judge $(BASELINES)/kid.py --data $$folder && rm -rf $$folder

lock: $(UV)
	echo "uv==$$($(UV) --version | cut -d' ' -f2)" | $(UV) pip compile --quiet --universal --generate-hashes --no-header --no-annotate - --output-file requirements-uv.lock
	$(UV) pip compile --quiet --universal --generate-hashes --no-header --upgrade --extra faces --extra metrics --extra dask --extra onnx --extra s3 --group dev pyproject.toml --output-file requirements.lock

clean:
	rm -rf $(VENV) .tools .pytest_cache .mypy_cache .ruff_cache .hypothesis *.egg-info build
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
