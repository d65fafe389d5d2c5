#!/bin/sh
# Builds the programs that aihub carries inside itself (see embedded.go), for
# Linux and GOARCH, and packs them. runsc is built from a copy of gVisor with our
# edits (see patched/edits.go); go.mod and every other build know nothing of it.
# Go's build cache makes the second time quick.
set -eu
cd "$(dirname "$0")/../.."
GO=${GO:-go}
arch=${GOARCH:-$($GO env GOARCH)}
dir=.cache/embedded
out=$dir/$arch
mkdir -p "$out"
# What works here is built for here, whatever the target is.
for p in pack patched/patch; do
	GOOS= GOARCH= CGO_ENABLED=0 $GO build -o "$dir/$(basename $p)" "./internal/embedded/$p"
done
$GO mod download gvisor.dev/gvisor
cp go.sum "$dir/go.sum"
cp go.mod "$dir/go.mod"
"$dir/patch" "$($GO list -m -f '{{.Dir}}' gvisor.dev/gvisor)" "$dir/gvisor" "$dir/go.mod"
build() {
	p=$1
	shift
	GOOS=linux GOARCH=$arch CGO_ENABLED=0 $GO build "$@" -trimpath -ldflags "-s -w" -o "$out/$p" "./cmd/$p"
	"$dir/pack" "$out/$p" "internal/embedded/$p.zst"
}
build runsc -modfile="$dir/go.mod"
build algorithm
