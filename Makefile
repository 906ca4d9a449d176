# The commands; what they do stands in tools/. Another Python: make report PYTHON=python3.12
# Other versions of the dependencies than those of constraints.txt: make install VERSIONS=newest, or oldest
# With a folder that holds Pyodide's release, cells run in the pages with no outside request: make report PYODIDE=DIR
PYTHON ?= python3
VERSIONS ?= tested
export PYODIDE
RUN := .venv/bin/python
INSTALLED := .venv/.installed

.DEFAULT_GOAL := help
.PHONY: help install data report html pdf test notebooks check-notebooks check-report links standalone constraints hooks cover app-network experiments repeat headlines bench clean

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) tools/install.py $(VERSIONS)

install: $(INSTALLED)  ## make .venv and install everything in it

data: $(INSTALLED)  ## fetch MNIST, unless it is there already
	@$(RUN) tools/fetch_mnist.py

report: data  ## run the notebooks; build _build/html/index.html and _build/latex/report.pdf; PYODIDE=DIR puts Pyodide beside the pages
	@$(RUN) tools/report.py html pdf

html: data  ## build the pages only
	@$(RUN) tools/report.py html

pdf: data  ## build the PDF only
	@$(RUN) tools/report.py pdf

test: data  ## ruff, codespell, mypy, pytest, and nbval over all notebooks
	@$(RUN) tools/run_tests.py

notebooks: data  ## run all notebooks in place and clean them
	@$(RUN) tools/notebooks.py

check-notebooks: $(INSTALLED)  ## fail if a notebook is not as 'make notebooks' leaves it
	@$(RUN) tools/notebooks.py --check

check-report: $(INSTALLED)  ## open every built page in Chromium and read the PDF
	@$(RUN) tools/check_report.py

links: $(INSTALLED)  ## follow every link that leads out of the report; needs the network
	@$(RUN) tools/links.py

standalone: data  ## run all notebooks with nothing but the package, in a fresh environment; FREEZE=FILE for the versions in it
	@$(RUN) tools/standalone.py $(if $(FREEZE),--freeze $(FREEZE) --python $(PYTHON))

constraints: $(INSTALLED)  ## write the newest versions that go together to constraints.txt
	@$(RUN) tools/constraints.py

hooks: $(INSTALLED)  ## let git run the quick checks before each commit
	@.venv/bin/pre-commit install

cover: data  ## draw the picture of the landing page again
	@$(RUN) -m mnistbook.cover book/assets

app-network: data  ## train the network that 'mnistlab serve' and the pad ship with again
	@$(RUN) -m mnistbook.train_digits

experiments: data  ## run the long studies and store them in mnistbook/results/; STUDIES="NAME NAME" for some of them
	@$(RUN) -m mnistbook.studies $(STUDIES)

repeat: data  ## train one whole run of each study again and see whether it comes out; REPEAT="NAME --store"
	@$(RUN) -m mnistbook.repeats $(REPEAT)

headlines: data  ## train the networks of the headlines again and keep their weights in mnistbook/results/
	@$(RUN) -m mnistbook.headlines

bench: data  ## time the library beside PyTorch, Keras and others, and store the table; BENCH=--short for a glance
	@$(RUN) -m mnistbook.ch19_where_the_time_goes.bench $(BENCH)

clean:  ## remove what was built and the outputs kept from running the notebooks, but not the runs of 'make experiments'
	@[ ! -d _build ] || find _build -mindepth 1 -maxdepth 1 ! -name experiments -exec rm -rf {} +
