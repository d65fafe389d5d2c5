#!/bin/sh
# Exports every dataset and scenario of a demo platform and has mlcroissant
# validate each; boards, which are no Croissant files, are read as JSON-LD.
# usage: check-croissant.sh AIHUB VENV
set -eu
cd "$(dirname "$0")/../.."
aihub=$1
venv=$2
if ! [ -x "$venv/bin/mlcroissant" ]; then
	command -v python3 >/dev/null || { echo "check-croissant: there is no python3; the rules that need none: go test ./catalog/meta" >&2; exit 1; }
	{ python3 -m venv "$venv" && "$venv/bin/pip" install -q mlcroissant; } || {
		rm -rf "$venv"
		echo "check-croissant: mlcroissant could not be installed: it comes from the Python package index, which this machine does not reach" >&2
		echo "check-croissant: make the environment elsewhere and name it, CROISSANT_VENV=DIR; the rules that need none: go test ./catalog/meta" >&2
		exit 1
	}
fi
work=$(mktemp -d)
demo=
trap 'if [ -n "$demo" ]; then kill "$demo" 2>/dev/null || true; wait "$demo" 2>/dev/null || true; fi; rm -rf "$work"' EXIT
export AIHUB_CREDENTIALS="$work/credentials.json" AIHUB_LANG=en
"$aihub" --json demo >"$work/demo.json" 2>"$work/demo.log" &
demo=$!
tries=0
until grep -q '"url"' "$work/demo.json"; do
	tries=$((tries + 1))
	if [ $tries -gt 300 ] || ! kill -0 "$demo" 2>/dev/null; then
		echo "check-croissant: the demo did not come up:" >&2
		tail -20 "$work/demo.log" >&2
		exit 1
	fi
	sleep 1
done
AIHUB_SERVER=$(sed -n 's/^ *"url": "\(.*\)",*$/\1/p' "$work/demo.json" | head -1)
export AIHUB_SERVER
mkdir "$work/croissant" "$work/jsonld"
"$aihub" dataset list | sed -n 's/^\([^[:space:]]*@[0-9]*\)[[:space:]].*/\1/p' >"$work/datasets"
"$aihub" scenario list | sed -n 's/^\([^[:space:]]*@[0-9]*\)[[:space:]].*/\1/p' >"$work/scenarios"
while read -r ref; do
	"$aihub" dataset export "$ref" >"$work/croissant/dataset-$ref.json" </dev/null
	"$aihub" dataset export "$ref" --format dcat >"$work/jsonld/dcat-$ref.json" </dev/null
done <"$work/datasets"
while read -r ref; do
	"$aihub" scenario export "$ref" >"$work/croissant/scenario-$ref.json" </dev/null
	"$aihub" scenario export "$ref" --board >"$work/jsonld/board-$ref.json" </dev/null
done <"$work/scenarios"
cp catalog/meta/testdata/media-croissant.json "$work/croissant/folder.json"
cp catalog/meta/testdata/withdrawn-croissant.json "$work/croissant/withdrawn.json"
cp catalog/meta/testdata/withdrawn-dcat.json "$work/jsonld/withdrawn-dcat.json"
"$venv/bin/python" - "$work" <<'PY'
import glob, logging, os, sys
import mlcroissant, rdflib
from importlib.metadata import version
logging.disable(logging.INFO)
errors = warnings = entries = 0
for path in sorted(glob.glob(os.path.join(sys.argv[1], "croissant", "*.json"))):
    entries += 1
    name = os.path.basename(path)
    try:
        issues = mlcroissant.Dataset(jsonld=path).metadata.ctx.issues
        found = list(issues.errors), list(issues.warnings)
    except mlcroissant.ValidationError as e:
        found = [str(e)], []
    errors, warnings = errors + len(found[0]), warnings + len(found[1])
    print(f"{name}: {len(found[0])} errors, {len(found[1])} warnings")
    for line in found[0] + found[1]:
        print("  ", line)
for path in sorted(glob.glob(os.path.join(sys.argv[1], "jsonld", "*.json"))):
    n = len(rdflib.Graph().parse(path, format="json-ld"))
    print(f"{os.path.basename(path)}: {n} statements")
    if n < 10:
        errors += 1
print(f"mlcroissant {version('mlcroissant')}: {entries} entries, {errors} errors, {warnings} warnings")
sys.exit(errors + warnings > 0 or entries < 3)
PY
