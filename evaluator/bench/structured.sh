#!/bin/sh
# Times the metrics of units against their references (structured.py), which go
# into a Python environment below BENCH_VENV; with python-Levenshtein 0.12.2, as
# Debian 12 has it, when that builds here (it needs a C compiler), and with sclite
# when Debian's package sctk is installed.
set -eu
cd "$(dirname "$0")/../.."
venv=${BENCH_VENV:-$HOME/.cache/aihub-bench}/units
[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
for package in pycocotools trackeval Levenshtein; do
	grep "^$package==" evaluator/crosscheck/reference/requirements.txt | xargs "$venv/bin/python" -m pip install -q --disable-pip-version-check ||
		echo "not installed on this machine: $package"
done
old=$venv/levenshtein-0.12
[ -d "$old" ] || "$venv/bin/python" -m pip install -q --target "$old" python-Levenshtein==0.12.2 >/dev/null 2>&1 ||
	echo "not installed on this machine: python-Levenshtein 0.12.2"
[ -d "$old" ] && export LEVENSHTEIN_0_12="$old"
mkdir -p bin
"${GO:-go}" build -o bin/structured ./evaluator/bench/structured
"$venv/bin/python" evaluator/bench/structured.py bin/structured "$@"
