#!/usr/bin/env bash
# Gathers in tests/gpu/prepared what a GPU machine without network may lack; see prepare.py. PYTHON picks an interpreter
# that has the project's dependencies.
set -eu
cd "$(dirname "$0")/../.."
python=${PYTHON:-.venv/bin/python}
PYTHONPATH="$PWD:$PWD/tests" exec "$python" tests/gpu/prepare.py "$@"
