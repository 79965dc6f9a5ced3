# Two words for newcomers. They only make .venv; every task is in noxfile.py.
PYTHON ?= python3
NOX = .venv/bin/nox

.PHONY: demo test
demo: $(NOX)
	$(NOX) --session demo
test: $(NOX)
	$(NOX)
$(NOX):
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet --disable-pip-version-check 'nox>=2025.5.1'
