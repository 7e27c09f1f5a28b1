# The environment is made from the lock file, whose hashes pip checks; `make help` lists the targets.
PYTHON ?= python3
SHELL := /bin/bash
BIN := $(CURDIR)/.venv/bin
export PATH := $(BIN):$(PATH)
export DVC_NO_ANALYTICS := 1

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' Makefile

env: .venv/made ## make the environment in .venv from requirements.lock

.venv/made: requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || \
	  { echo "error: $(PYTHON) is not Python 3.11 to 3.13; say which is: make PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	@echo "installing about $$(grep -c '^[a-z].*==' requirements.lock) packages (3 GB to download), some minutes"
	@# pip's own lines are long, and hundreds; --quiet would say nothing for minutes
	@set -o pipefail; $(BIN)/pip install --disable-pip-version-check --require-hashes --requirement requirements.lock | \
	  { grep --line-buffered --only-matching -E '^(Collecting [^ ]+|Installing collected packages)' || true; }
	@echo "compiling umap, half a minute"
	@# umap compiles for half a minute when it is first used; here once, not in a run
	@$(BIN)/python -c 'from stages.geometry.maps import compile_umap; compile_umap()'
	@touch $@

repro: env ## run what params.yaml asks for, and mend first what a killed run left half-written
	@$(BIN)/python -m stages.heal && exec $(BIN)/dvc repro

demo: env ## run the whole pipeline on scikit-learn's digits, in a folder of its own, and print the table
	@rm -rf .demo/stages && mkdir -p .demo/data .demo/.dvc && cp -Rp stages dvc.yaml .dvcignore .demo/ && cp data/none .demo/data/
	@cp -R .dvc/plots .demo/.dvc/ && cp .dvc/config .demo/.dvc/config && printf '[core]\n    no_scm = true\n' > .demo/.dvc/config.local
	@# the committed parameters, whatever the user has made of them since
	@(git show HEAD:params.yaml 2>/dev/null || cat params.yaml) > .demo/base.yaml
	@cd .demo && $(BIN)/python -m stages.preset demo --base base.yaml --params > params.new && mv params.new params.yaml
	@cd .demo && $(BIN)/python -m stages.heal
	@# not awk: Debian's holds lines back until it has a block of them
	@cd .demo && set -o pipefail && $(BIN)/dvc repro | tee log | { grep --line-buffered '^Running stage' || true; } && \
	  echo && cat metrics/compare.md
	@echo && echo "All of it is in .demo; open .demo/plots/index.html, or any picture in .demo/plots"

test: env browser ## run the test suite, but for what is marked slow
	@$(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

# what torch, oneDNN, MKL and OpenBLAS take for the processor: other orders of addition, and no bfloat16
LIKE_default := ATEN_CPU_CAPABILITY=default ONEDNN_MAX_CPU_ISA=AVX \
  MKL_ENABLE_INSTRUCTIONS=SSE4_2 OPENBLAS_CORETYPE=Nehalem
LIKE_avx2 := ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2 MKL_ENABLE_INSTRUCTIONS=AVX2 OPENBLAS_CORETYPE=Haswell
LIKE ?= default
processors: env ## run the quick tests as on a plain processor, two threads; LIKE=avx2: as on one with AVX2
	@env $(or $(LIKE_$(LIKE)),$(error LIKE=$(LIKE): must be default or avx2)) OMP_NUM_THREADS=2 OMP_WAIT_POLICY=passive \
	  $(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder -m 'not slow and not anywhere'

# tests open pages in Chromium; where it is not there and can't be had, they are skipped (with CI set they fail)
APT := DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o DPkg::Lock::Timeout=300
browser:
	@command -v chromium chromium-browser >/dev/null || [ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null || \
	  { echo "installing chromium, for the tests of pages"; $(APT) update && \
	    $(APT) install --no-install-recommends chromium >/dev/null || echo "chromium can't be installed" >&2; }

lint: env ## ruff and mypy
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

bench: env ## print speed ratios, ours beside others, in one run
	@$(BIN)/python -m tests.benchmarks

lock: ## make requirements.lock anew from pyproject.toml (needs uv)
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	  --extra dev pyproject.toml --constraint requirements.constraints --output-file requirements.lock

clean: ## remove what unfinished runs left to go on from, the vectors of frozen encoders, and the demo
	rm -rf .scratch .vectors .demo
	find data -name '.*.partial' -prune -exec rm -rf {} +

.PHONY: help env repro demo test processors browser lint bench lock clean
