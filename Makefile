# Every target is one line: the work is in tools/, where those without make can start it too
# (`python -m tools.book build`, and so on). PYTHON names another Python than python3.
PYTHON ?= python3
BOOK = $(PYTHON) -m tools.book

.DEFAULT_GOAL := help
.PHONY: help install book site test external serve pdf lab editions bench doctor matrix clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: ## all that the targets below need, in .venv; after that the network may be off
	@$(BOOK) install

book: ## the site, in _build/html: executes the chapters that changed
	@$(BOOK) build

site: ## the same with Python for the browser in it, to publish: fetches 45 MB of it once
	@$(BOOK) site

test: ## prove everything: package, exercises, site, and each notebook a second time
	@$(BOOK) test

external: ## other people's test suites over the package (installs PyTorch, ONNX and others, a large download)
	@$(BOOK) external

serve: ## the site at http://localhost:8000
	@$(BOOK) serve

pdf: ## each chapter as a PDF, in _build/pdf (needs Chromium)
	@$(BOOK) pdf

lab: ## the chapters as notebooks in JupyterLab, with stubs, checks and folded solutions
	@$(BOOK) lab

editions: ## notebooks and zips for self-study, a class, and instructors, in _build/editions
	@$(BOOK) editions

bench: ## speed against peers, as ratios (installs PyTorch, a large download)
	@$(BOOK) bench

matrix: ## the package's tests under each Python from 3.11 to 3.13 here, oldest and newest NumPy
	@$(BOOK) matrix

doctor: ## what is missing or too old on this machine, and what to do about it
	@$(BOOK) doctor

clean: ## remove what was built; your notebooks and .venv stay
	@$(BOOK) clean
