#!/bin/sh
# Makes the root of an image with Python and numpy out of Debian's packages, once,
# and prints its directory: what vendors' images look like, without a registry.
# Needs root and mmdebstrap, and a mirror of Debian.
set -eu
dir=${XDG_CACHE_HOME:-/var/cache}/aihub-test/python-$(dpkg --print-architecture)
if [ ! -e "$dir/usr/bin/python3" ]; then
	command -v mmdebstrap >/dev/null || apt-get install -y -qq --no-install-recommends mmdebstrap >&2
	mkdir -p "$(dirname "$dir")"
	rm -rf "$dir.tmp"
	mmdebstrap --quiet --variant=essential --include=python3-minimal,python3-numpy bookworm "$dir.tmp" >&2
	mv "$dir.tmp" "$dir"
fi
echo "$dir"
