#!/bin/sh
# Builds the programs that aihub carries inside itself (see embedded.go), for
# Linux and GOARCH, and packs them. Go's build cache makes the second time quick.
set -eu
cd "$(dirname "$0")/../.."
GO=${GO:-go}
arch=${GOARCH:-$($GO env GOARCH)}
out=.cache/embedded/$arch
mkdir -p "$out"
# The packer runs here, whatever the target is.
GOOS= GOARCH= CGO_ENABLED=0 $GO build -o .cache/embedded/pack ./internal/embedded/pack
for p in runsc algorithm; do
	GOOS=linux GOARCH=$arch CGO_ENABLED=0 $GO build -trimpath -ldflags "-s -w" -o "$out/$p" "./cmd/$p"
	.cache/embedded/pack "$out/$p" "internal/embedded/$p.zst"
done
