# make run    the app, at http://localhost:8501
# make test   all tests except those of the next two targets; with a real browser where Chromium is installed
# make test-browser  long tests in a browser: after a change of a page; CI runs them, too; three minutes
# make test-slow  the tests marked slow: before a release, and after a change of training, compiler or processes
# make coverage  the share of lines that the tests without a browser run; fails below the floor in pyproject.toml
# make test-processors  the numeric tests with the instructions of older processors, on one thread and on two
# make check  formatting, lint, types, layers, dead code, user text; and check-js where there is Node 20 or newer
# make check-js  lint, types and unit tests of the JavaScript in pages/ui/widgets; needs Node 20 or newer and npm
# make bench  speed, cost of the live page and of an audience, each beside a baseline of the same run; forty minutes
# make docs   the documents and the reference as a site, into build/docs; fails on a broken link
# make site   a static site in site/: the examples and three labs, which need no Python
# make lock   requirements.lock anew, of the versions that are installed in .venv
# make scaling  one run on 1, 2 and 4 processes, into docs/scaling.md
# make keeping  200 kills, 60 full disks, 1,000 flipped bits, a million reports, a long run, five hundred runs
# make fuzz   5,000 damaged runs and 5,000 damaged archives of pictures; a quarter of an hour of one core
# make speedrun  the newest entry of docs/speedrun.md against the record before it, five seeds in turns; an hour
# make quality  FID, W₁ and modes after 10 to 300 seconds, beside a textbook loop; three quarters of an hour
# make big    a million pictures of 64×64, prepared and trained from their file; 28 GB of disk, half an hour
# make metrics  our metrics beside oracles, into docs/metrics.md; seven minutes of one core
# make evaluations  quick presets, three seeds each, into docs/evaluations.md; half an hour
# make live-metrics  what measuring in passing costs a training; five minutes
# make checkpoints  the trained examples in checkpoints/; half an hour
# make reproduce  every published experiment again, into docs/reproduction.md; half an hour
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PORT ?= 8501
# One more than there are cores: browser tests wait most of their time.
WORKERS ?= $(shell expr $$(nproc 2>/dev/null || getconf _NPROCESSORS_ONLN) + 1)
# With npm, tests check the accessibility of pages; without, they are skipped.
NPM := $(shell command -v npm 2>/dev/null)

# Let Python write .pyc files even if the caller forbids it: processes that tests start then import faster.
test test-browser test-slow coverage: export PYTHONDONTWRITEBYTECODE =

.PHONY: run test test-browser test-slow coverage test-processors check check-js bench fuzz quality speedrun keeping big metrics evaluations live-metrics scaling docs site lock checkpoints reproduce clean

run: $(VENV)/app.done
	$(BIN)/streamlit run streamlit_app.py --server.port $(PORT)

test: $(VENV)/dev.done $(if $(NPM),node_modules/.done)
	$(BIN)/python -m pytest --numprocesses=$(WORKERS) --dist=worksteal

test-browser: $(VENV)/dev.done $(if $(NPM),node_modules/.done)
	$(BIN)/python -m pytest tests/browser -m long_browser --numprocesses=$(WORKERS) --dist=worksteal

test-slow: $(VENV)/dev.done
	$(BIN)/python -m pytest -m slow --numprocesses=$(WORKERS) --dist=worksteal

coverage: $(VENV)/dev.done
	$(BIN)/python -m pytest --numprocesses=$(WORKERS) --dist=worksteal --ignore=tests/browser --cov

test-processors: $(VENV)/dev.done
	$(BIN)/python -m tests.processors

check: $(VENV)/dev.done
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/vulture
	$(BIN)/python -m tests.text_lint
	@if node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)' 2>/dev/null; then $(MAKE) check-js; \
	else echo "check-js is left out: it needs Node 20 or newer."; fi

check-js: node_modules/.done
	npx --no -- eslint .
	npx --no -- tsc --noEmit
	node --test pages/ui/widgets/*/*.test.js pages/ui/site/*.test.js

bench: $(VENV)/dev.done
	$(BIN)/python -m benchmarks.live
	$(BIN)/python -m benchmarks.latent
	$(BIN)/python -m benchmarks.first_minute
	$(BIN)/python -m benchmarks.audience
	$(BIN)/python -m benchmarks.threads
	$(BIN)/python -m wgan bench

speedrun: $(VENV)/dev.done
	$(BIN)/python -m benchmarks.speedrun

keeping: $(VENV)/dev.done
	$(BIN)/python -m benchmarks.harm kills
	$(BIN)/python -m benchmarks.harm disks
	$(BIN)/python -m benchmarks.harm bits
	$(BIN)/python -m benchmarks.keeping million
	$(BIN)/python -m benchmarks.keeping long
	$(BIN)/python -m benchmarks.keeping shelf

fuzz: $(VENV)/dev.done
	$(BIN)/python -m tests.fuzz --count 5000
	$(BIN)/python -m tests.fuzz --target pictures --count 5000

quality: $(VENV)/app.done
	$(BIN)/python -m benchmarks.quality
	$(BIN)/python -m benchmarks.quality --preset quick-fashion
	$(BIN)/python -m benchmarks.quality --preset toy-ring toy-grid --seconds 10 30 --textbook 30

big: $(VENV)/app.done
	$(BIN)/python -m benchmarks.big

docs: $(VENV)/dev.done
	$(BIN)/python -m mkdocs build --quiet

site: $(VENV)/dev.done
	$(BIN)/python -m pages.ui.site site

lock: $(VENV)/dev.done
	$(BIN)/python .ci/lock.py > requirements.lock

metrics: $(VENV)/dev.done
	$(BIN)/python -m benchmarks.metrics

evaluations: $(VENV)/app.done
	$(BIN)/python -m benchmarks.evaluations --jobs 2

scaling: $(VENV)/app.done
	$(BIN)/python -m benchmarks.scaling --out docs/scaling.md

live-metrics: $(VENV)/app.done
	$(BIN)/python -m benchmarks.live_metrics

checkpoints: $(VENV)/app.done
	$(BIN)/python -m wgan examples --runs-dir checkpoints

reproduce: $(VENV)/app.done
	$(BIN)/python -m wgan reproduce --all --out docs/reproduction.md

$(VENV)/app.done: requirements.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -r requirements.txt
	touch $@

$(VENV)/dev.done: requirements-dev.txt $(VENV)/app.done
	$(BIN)/python -m pip install --quiet -r requirements-dev.txt
	touch $@

node_modules/.done: package.json package-lock.json
	npm ci --ignore-scripts --no-audit --no-fund
	touch $@

clean:
	rm -rf $(VENV) node_modules build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
