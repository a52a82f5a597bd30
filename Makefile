# make demo   set up, then: synthetic data, training, evaluation, export, detection
# make test   set up, then run every test
# make lint   set up, then check style
# make example-reports   set up, then: the pages of the two studies in docs/
# make techniques-page   set up, then: docs/techniques.md
# make config-pages   set up, then: docs/config_reference.md and docs/shipped_configs.md
# The newest supported TensorFlow is the default. For the other one:
#             make test TF=2.20
TF ?= 2.21
comma := ,
PYTHON ?= python3.11
VENV := .venv$(if $(filter-out 2.21,$(TF)),-$(TF))
BIN := $(VENV)/bin
# tf-models-official pins its TensorFlow.
EXTRAS := dev$(if $(filter 2.20,$(TF)),$(comma)model-garden)
# TensorFlow's start-up banners would drown ours.
export TF_CPP_MIN_LOG_LEVEL ?= 2

.PHONY: demo test lint example-reports techniques-page config-pages install
install: $(VENV)/installed

$(VENV)/installed: setup.py pyproject.toml $(wildcard protos/*.proto)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip
	$(BIN)/pip install --quiet --editable '.[$(EXTRAS)]' 'tensorflow==$(TF).*'
	touch $@

demo: install
	$(BIN)/od-api demo configs/ssd/ssd_mobilenet_v1_fpn_192x192_demo.config --output demo_output

test: install
	$(BIN)/python -m pytest -n 2 --dist loadscope --no-loadscope-reorder $(ARGS)

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

# One page each, example_reports/*/report.html, of the tables in docs/.
example-reports: install
	$(BIN)/od-api study report docs/small_study example_reports/small_study
	$(BIN)/od-api study report docs/full_size_study example_reports/full_size_study --published

techniques-page: install
	$(BIN)/od-api techniques --format markdown > docs/techniques.md.new
	mv docs/techniques.md.new docs/techniques.md

config-pages: install
	$(BIN)/od-api config reference > docs/config_reference.md.new
	mv docs/config_reference.md.new docs/config_reference.md
	$(BIN)/od-api config list > docs/shipped_configs.md.new
	mv docs/shipped_configs.md.new docs/shipped_configs.md
