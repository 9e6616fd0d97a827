# make demo   does the main job on sample data; results in demo-output/
# make test   runs every check
# Both need nothing but Python 3.11 or newer, git and make; everything is installed into .venv.

PYTHON ?= python3
# On Linux plain "torch" brings CUDA along. Where the package index has no CPU build:
#   make demo TORCH="torch==2.13.0 --extra-index-url https://download.pytorch.org/whl/cpu"
TORCH ?= torch==2.13.0
BIN := .venv/bin
PARALLEL := --numprocesses logical --maxprocesses 8 --dist worksteal
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: demo test coverage lint bench docs pictures looks findings clean

demo: .venv/installed
	$(BIN)/napari-xanes demo -o demo-output

test: .venv/tested lint
	$(BIN)/python -m pytest $(PARALLEL)

# The same tests, slower: how many lines of each folder they run.
coverage: .venv/tested
	$(BIN)/python -m pytest $(PARALLEL) --cov=napari_xanes --cov-report=
	$(BIN)/python -m tools.coverage_by_folder

lint: .venv/tested
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/npe2 validate src/napari_xanes/napari.yaml

bench: .venv/tested
	$(BIN)/python benchmarks/fit_maps.py
	$(BIN)/python benchmarks/import_time.py
	$(BIN)/python benchmarks/theory_engine.py
	$(BIN)/python benchmarks/theory_match.py
	$(BIN)/python benchmarks/valence.py
	$(BIN)/python benchmarks/edge_lines.py
	$(BIN)/python -m benchmarks.truth
	$(BIN)/python -m benchmarks.denoise --quick
	$(BIN)/python -m benchmarks.repair
	$(BIN)/python -m benchmarks.faults --quick
	$(BIN)/python -m benchmarks.large_stack --gib 1

# The site of the documentation, into docs/_build/html; a test builds it, too.
docs: .venv/tested
	$(BIN)/python docs/site

pictures: .venv/tested
	$(BIN)/python docs/make_pictures.py
	$(BIN)/python docs/dialog_pictures.py
	$(BIN)/python docs/figures.py
	$(BIN)/python docs/align_figures.py
	$(BIN)/python docs/traps.py
	$(BIN)/python docs/gallery.py
	$(BIN)/python docs/tutorial_pictures.py
	$(BIN)/python docs/form_pictures.py

# Each step of the window, dark and light, on a small and a large screen, to be looked at.
looks: .venv/tested
	$(BIN)/python docs/step_pictures.py looks

# Surprises about libraries and tools of this field: each script installs them, and fails if one behaves differently now.
findings:
	@changed=""; for script in findings/*.sh; do echo "== $$script"; bash $$script || changed="$$changed $$script"; done; \
	  [ -z "$$changed" ] || { echo "not as described any more:$$changed"; exit 1; }

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(PIP) --upgrade "pip>=25.1"
	$(PIP) --constraint constraints.txt $(TORCH)
	$(PIP) --constraint constraints.txt --editable ".[all]"
	touch $@

.venv/tested: .venv/installed
	$(PIP) --constraint constraints.txt --group test
	touch $@

clean:
	rm -rf .venv demo-output looks
