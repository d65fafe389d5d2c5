#!/bin/sh
# Compares every metric with its definition written out once more, on CASES
# generated cases of each family, and both with the reference on LIBRARY cases.
# 100,000 of the latter take a day: such a run goes on where it was ended (delete
# bin/crosscheck/results.json when a metric has changed), and writes the tables of
# docs/*/metrics.md. Fewer are asked anew, and leave the tables. The references go into a Python
# environment below bin/; one that does not install is named, and its family is
# compared with what is written out alone.
set -eu
cd "$(dirname "$0")/../.."
cases=${1:-100000}
dir=bin/crosscheck
mkdir -p "$dir"
[ -x "$dir/venv/bin/python" ] || python3 -m venv "$dir/venv"
while read -r package; do
	"$dir/venv/bin/python" -m pip install -q --disable-pip-version-check $package >"$dir/pip.log" 2>&1 ||
		echo "not installed on this machine: $package ($(tail -n 1 "$dir/pip.log"))"
done <evaluator/crosscheck/reference/requirements.txt
all=""
[ "${2:-2000}" -lt 100000 ] || all="-resume -docs docs"
"${GO:-go}" run ./evaluator/crosscheck -python "$dir/venv/bin/python" -written "$cases" -cases "${2:-2000}" -results "$dir/results.json" $all
