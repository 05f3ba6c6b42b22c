# A fresh machine needs Python 3.11 or newer and this file; all else comes from the hashed locks in .lock/.
PYTHON ?= python3

MAKEFLAGS += --no-builtin-rules
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:
# Tests start Python hundreds of times: what it compiled is kept, whatever the shell says.
unexport PYTHONHOME PYTHONPATH PYTHONDONTWRITEBYTECODE PYTEST_ADDOPTS

RUN := .venv/bin/python
PIP := $(RUN) -m pip --disable-pip-version-check --no-input
HASHED := install --quiet --progress-bar off --require-hashes --only-binary :all: --no-deps
TESTS := $(RUN) -m pytest --numprocesses auto --dist loadfile --no-loadscope-reorder \
	-o faulthandler_timeout=300 -o faulthandler_exit_on_timeout=true
PIN := .venv/bin/uv pip compile --quiet --universal --python-version 3.11 \
	--generate-hashes --no-header --no-annotate --no-emit-index-url
LOCK := $(PIN) pyproject.toml

.PHONY: help run engine test check lint types pure cover bench fuzz mutate soak lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-7s %s\n", $$1, $$2}' Makefile

run: .venv/run.stamp ## install, and run the example: configs/btc.yaml
	@$(CURRENT) || if test -e .venv/engine/stamp; then $(MAKE) engine; else \
	echo 'the engine is compiled in the background (.venv/engine.log); runs are interpreted meanwhile'; \
	nohup $(MAKE) engine >.venv/engine.log 2>&1 & fi
	.venv/bin/safla run configs/btc.yaml

# Whether the engine library is there, and was built from the sources as they are.
CURRENT := $(RUN) -c 'from safla.compiled.library import library; raise SystemExit(library().library is None)'

BUILD := .venv/engine/bin/python -m safla.compiled.builder --to

# A clone whose files a group may write to is no place for code that is loaded (Z8): then the user's cache folder is.
engine: .venv/run.stamp ## compile the engine, unless that was done since its sources changed
	@$(CURRENT) || { $(MAKE) .venv/engine/stamp && $(BUILD) safla/compiled \
	&& { $(CURRENT) || { umask 077; $(BUILD) "$${XDG_CACHE_HOME:-$$HOME/.cache}/safla/engine"; }; }; } \
	|| echo 'warning: the engine could not be compiled; runs are interpreted' >&2

test: .venv/dev.stamp engine ## install, and run the tests, a slice of what takes long among them (make soak: all of it)
	$(TESTS)

check: lint types test pure ## all that a change must pass (freshness of generated files is among the tests)

lint: .venv/dev.stamp
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .

types: .venv/dev.stamp
	$(RUN) -m mypy --strict safla

PURE := core candles metrics strategies

pure: .venv/dev.stamp ## the pure rooms are covered whole by their own tests
	$(TESTS) $(PURE:%=--cov safla/%) --cov-report= $(PURE:%=tests/%)
	$(RUN) -m coverage report --fail-under 100

bench: .venv/bench.stamp engine ## measure ourselves and others side by side; with JSON=file for programs
	$(RUN) -m tests.bench $(addprefix --json ,$(JSON))

cover: .venv/dev.stamp engine ## run all tests, and tell which lines and branches of all rooms they reach
	$(TESTS) --cov --cov-report=
	$(RUN) -m coverage report --fail-under 95

SECONDS ?= 60
SEED ?= 20240101

fuzz: .venv/dev.stamp ## hostile inputs for every reader; SECONDS=60 SEED=20240101, TARGET=csv for one alone
	$(RUN) -m tests.faults.fuzzing --seconds $(SECONDS) --seed $(SEED) $(addprefix --target ,$(TARGET))

mutate: .venv/dev.stamp ## change one place at a time; the tests must notice; MOST=100 of each room, ROOM=core for one
	$(RUN) -m tests.faults.mutation $(addprefix --room ,$(ROOM)) $(addprefix --most ,$(MOST)) --seed $(SEED)

SOAKED := kill stop io_points cuts matrix soak host many_runs parquet_files sizes exchange_kill exchange_soak planted \
	mutants paper_kill paper_signals paper_io_points paper_matrix paper_soak commands store hostile_parquet \
	hostile_journals numbers
LONGER := test_docs data/test_backfill exchange/test_candle_stream journal/test_events $(addprefix properties/test_, \
	reference blocks books bounds relations)

soak: .venv/bench.stamp engine ## what takes long, and the long form of what could go on for ever; SEED=20240101
	$(RUN) -m pytest --scale release --seed $(SEED) -m "not soak" $(SOAKED:%=tests/faults/test_%.py) \
		$(LONGER:%=tests/%.py)
	$(RUN) -m pytest --scale release --seed $(SEED) -m soak

lock: .venv/run.stamp ## resolve the dependencies; with UPGRADE=--upgrade to their newest releases
	$(PIP) install --quiet uv
	$(LOCK) --extra dev $(UPGRADE) --output-file .lock/dev.txt
	$(LOCK) --extra bench $(UPGRADE) --constraints .lock/dev.txt --output-file .lock/bench.txt
	$(LOCK) --extra build $(UPGRADE) --constraints .lock/dev.txt --output-file .lock/run.txt
	$(PIN) --group engine $(UPGRADE) --constraints .lock/dev.txt --output-file safla/compiled/packages.txt
	$(PIN) --group linker $(UPGRADE) --output-file safla/compiled/linker.txt

clean: ## remove the environment and every cache; runs in logs/ stay
	rm -f safla/compiled/engine.bin safla/compiled/engine.json
	rm -rf .venv .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache dist
	find safla tests -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamps lie inside the environment, so that they go when it goes.
.venv/run.stamp: .lock/run.txt pyproject.toml
	@$(PYTHON) -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	|| { echo '$(PYTHON): needs Python 3.11 or newer with its venv module; name another: make PYTHON=/path/to/python3' >&2; exit 1; }
	@test -x $(RUN) || $(PYTHON) -m venv .venv
	$(PIP) $(HASHED) --requirement .lock/run.txt
	$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

# The compiler has an environment of its own.
.venv/engine/stamp: safla/compiled/packages.txt safla/compiled/linker.txt
	$(RUN) -m safla.compiled.environment .venv/engine
	@touch $@

.venv/dev.stamp: .lock/dev.txt .venv/run.stamp
	$(PIP) $(HASHED) --requirement .lock/dev.txt
	@touch $@

.venv/bench.stamp: .lock/bench.txt .venv/dev.stamp
	$(PIP) $(HASHED) --requirement .lock/bench.txt
	@touch $@
