#!/usr/bin/env bash
# What only a GPU can tell, in three stages: tests/gpu/run.sh OUT [correctness] [speed] [search]
#
# It needs no network and installs nothing: torch, numpy, scipy, pyarrow, Pillow and Matplotlib are the machine's own, and
# the rest is in tests/gpu/prepared, if prepare.sh was run before. OUT gets the tables, all numbers as JSON, and the
# searches. HARNESS_GPU_FROM=FOLDER goes on with the searches that an earlier OUT has; HARNESS_GPU_REHEARSAL=1 does all of
# it in minutes on a CPU; PYTHON picks an interpreter.
set -eu
[ $# -ge 1 ] || { sed -n '2,/^set/{/^set/!s/^# \{0,1\}//p}' "$0" >&2; exit 2; }
mkdir -p "$1"
out=$(cd "$1" && pwd)
shift
from=${HARNESS_GPU_FROM:-}
[ -z "$from" ] || from=$(cd "$from" && pwd)
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python=${PYTHON:-python3}
for wheel in tests/gpu/prepared/wheels/*.whl; do
    [ ! -e "$wheel" ] || "$python" -m zipfile -e "$wheel" "$work/site"
done
export PYTHONPATH="$work/site:$PWD:$PWD/tests:$PWD/tests/benchmarks" PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-2} HARNESS_GPU_FROM="$from" HARNESS_CACHE="$work/cache"
[ ! -d tests/gpu/prepared/cache ] || cp -r tests/gpu/prepared/cache "$work/cache"
"$python" tests/gpu/run.py "$out" "$work" "$@"
