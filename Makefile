# Every target is one line of `make help`.
PYTHON ?= python3
BIN := .venv/bin
.DEFAULT_GOAL := help

help: ## List what can be made.
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

setup: .venv/.ready ## Make .venv with everything in it, and what the system lacks (as root).

.venv/.ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade -c constraints.txt pip
	PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet -c constraints.txt -e '.[train,dev]'
	@sh docker/system-packages.sh
	@touch $@

demo: setup ## Draw a short clip, analyse it, and make a report and an annotated video in demo/.
	$(BIN)/affectstream demo --out demo

check: setup ## Formatting, lint, types and who may import whom.
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: setup ## Format the code and mend what lint can mend.
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

test: setup ## Run every test that can run on this machine.
	$(BIN)/pytest -n 2 --dist loadfile

bench: setup ## Measure speed and memory; writes benchmarks/results.json and a table.
	$(BIN)/python -m benchmarks.run

clean: ## Remove the environment and what was made.
	rm -rf .venv demo build *.egg-info

.PHONY: help setup demo check format test bench clean
