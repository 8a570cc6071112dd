# Everything runs in .venv, which is made when missing. Nothing is installed twice.
PYTHON ?= python3
BIN := .venv/bin
DEMO_OUTPUT ?= demo-output
# Files of tests that run side by side.
WORKERS ?= 2

.PHONY: demo test bench soak lint docs setup setup-tests setup-dev clean

demo: setup
	$(BIN)/vo-photoz sandbox demo --output $(DEMO_OUTPUT)

test: setup-tests
	$(BIN)/python -m pytest -m "not soak" --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder

soak: setup-tests
	$(BIN)/python -m pytest -m soak --timeout=7200

bench: setup-tests
	$(BIN)/python benchmarks/run.py

lint: setup-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: setup-dev
	$(BIN)/sphinx-build -W -b html docs docs/_build/html

setup:
	@$(PYTHON) tools/setup.py

setup-tests:
	@$(PYTHON) tools/setup.py test --apt

setup-dev:
	@$(PYTHON) tools/setup.py test lint docs

clean:
	rm -rf .venv demo-output docs/_build
