# Two commands do all set-up: `make rehearse` and `make test`.
# Each creates .venv from the lock files in requirements/ (hashes checked) and then does its job.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -q
COMPILE := uv pip compile -q --universal --generate-hashes --no-header --no-annotate \
  --no-emit-index-url --no-emit-find-links --python-version 3.11 pyproject.toml

# What one process has compiled, the hundreds that tests start need not compile again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help rehearse server postgres test types suite quick campaign guards lint lock bench screenshots site peers clean

help:  ## Show what can be made
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

rehearse: $(VENV)/run.stamp  ## Rehearse compromised-key against the simulated company
	@$(BIN)/respond rehearse compromised-key --auto

server: $(VENV)/server.stamp  ## Install what `respond serve` needs

postgres: $(VENV)/postgres.stamp  ## Install what many machines on one PostgreSQL need, the server's parts too

test: $(VENV)/test.stamp  ## Lint, types, and all tests
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(MAKE) --no-print-directory -j2 types suite

types:
	@$(BIN)/mypy

# Some wait for what they started: more of them than processors leave none idle.
suite:
	@$(BIN)/python -m pytest -n 4 --dist worksteal

quick: $(VENV)/test.stamp  ## Lint, the pure tests, and one case of each other that takes no time, while you work
	@$(BIN)/ruff check .
	@$(BIN)/python -m pytest -q -n 4 --dist worksteal -m "not long" --few 1

campaign: $(VENV)/test.stamp  ## The campaigns at every point, for a night
	@$(BIN)/python -m pytest -n 2 --dist worksteal -m "campaign or share" --every-point -o faulthandler_timeout=7200

guards: $(VENV)/test.stamp  ## Switch off each guard in a copy, and see its test turn red
	@$(BIN)/python tests/guards/switch_off.py $(ONLY)

bench: $(VENV)/test.stamp  ## Measure, print each figure with its bound, and write docs/performance.md
	@$(BIN)/python bench/performance.py

screenshots: $(VENV)/test.stamp  ## Take a picture of each screen and page: docs/pictures, screenshots (needs chromium)
	@$(BIN)/python tests/pictures/screenshots.py

site: $(VENV)/test.stamp  ## Make a site of docs/ in site/: open site/index.html
	@NO_COLOR=1 $(BIN)/zensical build --strict --clean

peers:  ## Install what is tested against and runs in node: scimmy, Prism, axe-core (needs npm)
	@npm install --prefix tests/data/node --no-package-lock --no-audit --no-fund --silent

lock:  ## Resolve the dependencies anew (needs uv)
	$(COMPILE) --group build -o requirements/run.txt
	$(COMPILE) --group build --extra server -o requirements/server.txt
	$(COMPILE) --group build --extra server --extra postgres -o requirements/postgres.txt
	$(COMPILE) --group dev --extra server --extra postgres -o requirements/test.txt

clean:  ## Remove what was made
	rm -rf $(VENV) site .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis dist

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "error: respond needs Python 3.11 or newer; set one with: make PYTHON=python3.12 ..." >&2; exit 2; }
	@$(PYTHON) -m venv $(VENV) \
	  || { rm -rf $(VENV); echo "error: $(PYTHON) cannot make a virtual environment; on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 2; }

$(VENV)/run.stamp: requirements/run.txt pyproject.toml | $(BIN)/python
	@echo "installing respond into $(VENV) ..." >&2
	@$(PIP) install --require-hashes -r requirements/run.txt
	@$(PIP) install --no-deps --no-build-isolation -e .
	@$(BIN)/python -m compileall -q src
	@touch $@

$(VENV)/server.stamp: requirements/server.txt $(VENV)/run.stamp
	@echo "installing what the server needs into $(VENV) ..." >&2
	@$(PIP) install --require-hashes -r requirements/server.txt
	@touch $@

$(VENV)/postgres.stamp: requirements/postgres.txt $(VENV)/run.stamp
	@echo "installing what a team's database needs into $(VENV) ..." >&2
	@$(PIP) install --require-hashes -r requirements/postgres.txt
	@touch $@

$(VENV)/test.stamp: requirements/test.txt $(VENV)/run.stamp
	@echo "installing the test tools into $(VENV) ..." >&2
	@$(PIP) install --require-hashes -r requirements/test.txt
	@touch $@
