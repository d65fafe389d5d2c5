#!/bin/sh
# Times the metrics of units against their references (structured.py), in the
# Python environment that make crosscheck makes. With python-Levenshtein 0.12.2,
# as Debian 12 has it, when that builds here.
set -eu
cd "$(dirname "$0")/../.."
python=${PYTHON:-bin/crosscheck/venv/bin/python}
[ -x "$python" ] || { echo "run make crosscheck first: it installs the references"; exit 1; }
old=bin/crosscheck/levenshtein-0.12
[ -d "$old" ] || "$python" -m pip install -q --target "$old" python-Levenshtein==0.12.2 >/dev/null 2>&1 ||
	echo "python-Levenshtein 0.12.2 does not build here (it needs a C compiler)"
[ -d "$old" ] && export LEVENSHTEIN_0_12="$old"
"${GO:-go}" build -o bin/structured ./evaluator/bench/structured
"$python" evaluator/bench/structured.py bin/structured "$@"
