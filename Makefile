# Every target sets up .venv by itself when it is missing or older than what it is made from.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/ready

.PHONY: demo test check bench clean

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $@

# Train stage 1 and stage 2 candidates on the embedded base, then measure them against it on CPU, fp32, adapter and merged.
demo: $(READY)
	$(BIN)/python -m trainer --suite suites/music --stage stage1
	$(BIN)/python -m trainer --suite suites/music --stage stage2
	$(BIN)/python -m pytest -m "stage1 or stage2" suites

# Two processes of one thread each: with two threads each they would slow one another down.
test: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 tests suites/failures suites/equivalence

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(READY)
	$(BIN)/python -m pytest suites/bench -m bench --benchmark-only

clean:
	rm -rf .venv build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .benchmarks
