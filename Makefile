# `make reproduce` and `make test` need Python 3.11 or newer and make, nothing else. PYTHON=... names another Python.

PYTHON ?= python3
BIN := .venv/bin

.PHONY: help reproduce test lint types check docs verify attest oldest bench paper report readme results clean

help:
	@echo "make reproduce   install, rerun a part of the paper (a minute or two), print the tables"
	@echo "make paper       rerun every row of the paper, with the paper's trials, into results/ (many hours)"
	@echo "make test        install, run the tests"
	@echo "make lint types  check style and types"
	@echo "make check       is every learner and task what the contracts ask for (in plain Python: repro check compiles)"
	@echo "make docs        put the pages of docs/ into build/docs; any warning is an error"
	@echo "make verify      is every stored record sound, and do a few trials end in the same bits when run again"
	@echo "make attest      run a part of what is stored again, cut short: does today's source give its bits"
	@echo "make oldest      install the oldest allowed versions of all dependencies, rerun a stored trial with them"
	@echo "make bench       measure the speed"
	@echo "make report      put everything under results/ on one page, report.html"
	@echo "make readme      put today's output into README.md"
	@echo "make results     put what results/ shows today into results/README.md"

reproduce: .venv/installed
	$(BIN)/repro run @quick --results reproduced
	$(BIN)/repro table @quick --results reproduced

paper: .venv/installed
	$(BIN)/repro run @paper
	$(BIN)/repro table @paper

# Tests start some hundred processes: what one compiles of the package the others find, whatever the user's setting.
test: export PYTHONDONTWRITEBYTECODE =
test: .venv/installed-dev
	$(BIN)/python -m pytest --numprocesses 3 --dist loadfile

lint: .venv/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/installed-dev
	$(BIN)/mypy

check: .venv/installed
	NUMBA_DISABLE_JIT=1 $(BIN)/repro check
	NUMBA_DISABLE_JIT=1 $(BIN)/repro check examples/forget_lstm.py examples/gru.py docs/example/my_rule.py \
	  docs/example/momentum.py

docs: .venv/installed-docs
	$(BIN)/sphinx-build --quiet --fail-on-warning --keep-going --fresh-env --builder html docs build/docs

verify: .venv/installed
	$(BIN)/repro verify

attest: .venv/installed
	$(BIN)/repro attest --check --sample 30

oldest: .venv/oldest/installed
	.venv/oldest/bin/repro replay 6a/lstm:3
	.venv/oldest/bin/repro compare 9 --brief
	.venv/oldest/bin/repro plot success 9 -o .venv/oldest/success.svg

bench: .venv/installed
	$(BIN)/repro bench lstm

report: .venv/installed
	$(BIN)/repro report -o report.html

readme: .venv/installed-dev
	$(BIN)/python scripts/readme.py

results: .venv/installed-dev
	$(BIN)/python scripts/results.py

clean:
	rm -rf .venv reproduced build/docs build/kernels

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit("repro needs Python 3.11 or newer, and $(PYTHON) is " + sys.version.split()[0] \
	  + "; name another one: make PYTHON=python3.11 $(MAKECMDGOALS)" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv .venv || { rm -rf .venv; exit 1; }

.venv/installed: .venv/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

.venv/oldest/installed: .venv/bin/python pyproject.toml
	$(BIN)/python -m venv .venv/oldest
	$(BIN)/python scripts/oldest.py > .venv/oldest/constraints.txt
	.venv/oldest/bin/python -m pip install --quiet --disable-pip-version-check --constraint .venv/oldest/constraints.txt \
	  --editable .
	@touch $@

.venv/installed-dev: .venv/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@ .venv/installed

.venv/installed-docs: .venv/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[docs]'
	@touch $@ .venv/installed
