# make compare   the main job: manual, autograd and finite differences, line by line
# make test      all tests
# make check     format, lint, types, import rules
# Each builds .venv/ first, with the exact versions of constraints.txt.
PYTHON ?= python3
WORKERS ?= 2
PIP_FLAGS = --quiet --disable-pip-version-check --no-warn-script-location
BIN = .venv/bin

.DEFAULT_GOAL := help
.PHONY: help compare test check format bench site clean

help:
	@sed -n 's/^# \(make .*\)/\1/p' Makefile
	@echo 'make format    put the code into format, mend what ruff can'
	@echo 'make bench     the benchmarks, with the extra packages that they need'
	@echo 'make site      the documentation as a site, in site/'
	@echo 'make clean     remove .venv/ and all caches'

compare: .venv/stamp
	@$(BIN)/python scripts/compare.py

# Each worker has half of the tests in their order, so that what a file shares is made once; who is done takes over.
test: .venv/stamp
	@$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

check: .venv/stamp
	@$(BIN)/ruff format --check --output-format concise . || { echo 'ruff format: "make format" mends it'; exit 1; }
	@$(BIN)/ruff check --output-format concise .
	@$(BIN)/pyright --warnings
	@$(BIN)/lint-imports --no-logo

format: .venv/stamp
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: .venv/bench.stamp
	@$(BIN)/python scripts/benchmark.py

# Strict: a link that leads nowhere ends it (with --quiet it would not: warnings are not counted then). Nothing in the site is loaded from elsewhere, which is looked at last.
site: .venv/site.stamp
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict
	@! grep -rlE '<(script|link|img)[^>]+(src|href)="?https?:' site --include='*.html' || { echo 'make site: these pages load something from elsewhere'; exit 1; }
	@echo 'The site is in site/: open site/index.html, or for its search $(BIN)/python -m http.server -b 127.0.0.1 -d site'

clean:
	rm -rf site .venv .hypothesis .pytest_cache .ruff_cache .import_linter_cache *.egg-info build
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: .venv
.venv: .venv/stamp

# The stamp is written last, so an interrupted installation starts again.
.venv/stamp: pyproject.toml constraints.txt
	@command -v $(PYTHON) >/dev/null || { echo 'backproof needs Python 3.11 or newer: no $(PYTHON) here (make PYTHON=/path/to/python3 ...)'; exit 2; }
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("backproof needs Python 3.11 or newer: $(PYTHON) is " + sys.version.split()[0] + " (make PYTHON=/path/to/python3.11 ...)")'
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo 'backproof needs the venv module of Python: on Debian and Ubuntu, apt install python3-venv'; exit 2; }
	@echo 'Building .venv with the versions of constraints.txt: some minutes, most of them for torch'
	@$(PYTHON) -m venv .venv
	@$(BIN)/pip install $(PIP_FLAGS) -c constraints.txt -e '.[test,check]'
	@touch $@

.venv/bench.stamp: .venv/stamp
	@echo 'Installing the packages of the benchmarks'
	@$(BIN)/pip install $(PIP_FLAGS) -c constraints.txt -e '.[bench]'
	@touch $@

.venv/site.stamp: .venv/stamp
	@echo 'Installing the packages of the site'
	@$(BIN)/pip install $(PIP_FLAGS) -c constraints.txt -e '.[site]'
	@touch $@

# What some tests need beyond .[test]: without it they skip, and say so.
.venv/full.stamp: .venv/stamp
	@echo 'Installing the extras cluster, bench and browser'
	@$(BIN)/pip install $(PIP_FLAGS) -c constraints.txt -e '.[cluster,bench,browser]'
	@touch $@
