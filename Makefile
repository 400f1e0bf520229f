# One word each for what people do here. `make help` lists them.
# Everything runs by `python -m` out of .venv, by relative paths: folders with spaces in their names are fine.

PYTHON ?= python3
ARGS ?=
ROUNDS ?= 1
PY := .venv/bin/python
PIP := $(PY) -m pip --disable-pip-version-check --quiet

.DEFAULT_GOAL := help
.PHONY: help demo up down test quick faults lint bench docs lock clean runtime dev

help: ## List what make can do
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-6s %s\n", $$1, $$2 }' Makefile
	@echo '  PYTHON=python3.12 chooses the interpreter; ARGS="..." goes to the command behind demo, up and test.'

demo: runtime ## Set up, run one project end to end with live progress, and say where its page is
	@$(PY) manage.py demo $(ARGS)

up: runtime ## Run the whole site until Ctrl-C: servers, web, workers, beat, Flower
	@$(PY) manage.py up $(ARGS)

down: runtime ## Stop the site that `make up` runs, and servers left behind
	@$(PY) manage.py down

test: dev ## Set up and run the tests, against a real PostgreSQL and Redis
	@$(PY) -m pytest --ignore=tests/benchmarks $(ARGS)

quick: dev ## The tests that start no processes of their own, in a few minutes
	@$(PY) -m pytest --ignore=tests/benchmarks --ignore=tests/embedded --ignore=tests/faults --ignore=tests/migrations \
		-m "not workers and not slow" $(ARGS)

faults: dev ## Break everything at every moment, and print what held: make faults ROUNDS=20 ARGS="--only Redis"
	@$(PY) -m tests.faults.matrix --rounds $(ROUNDS) $(ARGS)

lint: dev ## Style, types, layers, and migrations that match the models
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy
	@.venv/bin/lint-imports
	@$(PY) manage.py makemigrations --check --dry-run

bench: dev ## How fast the engine is, beside raw Celery in the same run
	@$(PY) -m pytest tests/benchmarks -q $(ARGS)

docs: runtime ## Write the pages of the documentation that are made from the code anew
	@$(PY) manage.py reference

lock: dev ## Pin the newest versions in requirements.txt and requirements-dev.txt, with hashes
	@$(PY) -m uv pip compile --quiet --upgrade --universal --python-version 3.11 --no-header --generate-hashes \
		requirements.in --output-file requirements.txt
	@$(PY) -m uv pip compile --quiet --upgrade --universal --python-version 3.11 --no-header --generate-hashes \
		requirements-dev.in --output-file requirements-dev.txt

clean: ## Remove .venv and caches; with DATA=1 also the data in var
	@if [ -x $(PY) ] && [ -d var ]; then $(PY) manage.py down >/dev/null 2>&1 || true; fi
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis staticfiles
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
	@if [ "$(DATA)" = 1 ]; then rm -rf var; fi

# --- set-up: .venv with exactly what the requirements pin, done again only when they change ---------------------

# Two makes at the same moment take turns where flock(1) exists. The stamp holds a digest of what was installed.
define install
@exec 9<Makefile; if command -v flock >/dev/null; then flock 9 || true; fi; \
want="$$(cat $(1) | cksum)"; stamp=.venv/installed-$@; \
if [ "$$(cat $$stamp 2>/dev/null)" = "$$want" ] && $(PY) -c '' 2>/dev/null; then exit 0; fi; \
$(make_venv) \
echo "Installing $(1) into .venv (about a minute, once) ..."; \
$(PIP) install --require-hashes $(foreach file,$(1),-r $(file)) \
	|| { echo "The requirements could not be installed: see above. Is the package index reachable?" >&2; exit 1; }; \
printf '%s\n' "$$want" > $$stamp
endef

define make_venv
if ! $(PY) -c '' 2>/dev/null; then \
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "Python 3.11 or newer is needed, and $(PYTHON) is $$($(PYTHON) --version 2>&1 || true)." >&2; \
		echo "Name another one: make PYTHON=/path/to/python3.11 ..." >&2; exit 1; }; \
	echo "Making .venv with $$($(PYTHON) --version) ..."; \
	rm -rf .venv; said="$$($(PYTHON) -m venv .venv 2>&1)" || { echo "$$said" >&2; rm -rf .venv; \
		echo "The module venv does not work here: install it (Debian, Ubuntu: apt install python3-venv)" >&2; \
		echo "or name another interpreter: make PYTHON=/path/to/python3.11 ..." >&2; exit 1; }; \
fi;
endef

runtime:
	$(call install,requirements.txt)

dev: runtime
	$(call install,requirements-dev.txt)
