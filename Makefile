# Needs Python 3.11 or newer and nothing else: every target makes the .venv it uses. `make PYTHON=python3.12 test` picks
# another interpreter.
PYTHON ?= python3
DEVICE ?= cpu
BIN := .venv/bin
INSTALLED := .venv/.installed
FOR_DOCS := .venv/.docs
DEMO := harness run --method zarts-mgs --space s1 --dataset digits --protocol proxy

.PHONY: demo test check docs bench bench-paper clean

demo: $(INSTALLED)
	$(BIN)/$(DEMO)

test: $(INSTALLED)
	$(BIN)/pytest -n auto --maxprocesses 8 --dist worksteal

check: $(INSTALLED)
	$(BIN)/ruff check
	$(BIN)/mypy

# A site without anything from the network, in dist/docs; the notebooks are run.
docs: $(FOR_DOCS)
	$(BIN)/sphinx-build -W --keep-going -q docs dist/docs

# Minutes; the size of the paper's supernet, whose plain steps take seconds each, has a target of its own. On a GPU with
# DEVICE=cuda.
bench: $(INSTALLED)
	HARNESS_BENCH_DEVICE=$(DEVICE) $(BIN)/pytest tests/benchmarks --benchmark-enable --benchmark-only -k 'not paper' --timeout 3600

bench-paper: $(INSTALLED)
	HARNESS_BENCH_DEVICE=$(DEVICE) $(BIN)/pytest tests/benchmarks --benchmark-enable --benchmark-only -k paper --timeout 3600

# Without the stamp .venv is what an interrupted run left behind, and is made afresh.
$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, and $(PYTHON) is %d.%d; name another one with make PYTHON=..." % sys.version_info[:2])'
	@echo 'Installing into .venv; PyTorch alone is some gigabytes, so this takes minutes.'
	test -e $@ || $(PYTHON) -m venv --clear .venv
	rm -f $@
	$(BIN)/pip install --disable-pip-version-check --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

$(FOR_DOCS): $(INSTALLED)
	$(BIN)/pip install --disable-pip-version-check --quiet --constraint constraints.txt --editable '.[docs]'
	touch $@

clean:
	rm -rf .venv .benchmarks .mypy_cache .pytest_cache .ruff_cache dist docs/reference
	find harness methods spaces reports tests -name __pycache__ -prune -exec rm -rf {} +
