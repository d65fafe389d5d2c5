#!/bin/sh
# Makes the root of an image with Python and numpy out of Debian's packages, once,
# and prints its directory: what vendors' images look like, without a registry.
# Packages are taken apart, not installed, so it needs no root and is done in some
# seconds; it needs apt-get and a mirror of Debian.
set -eu
dir=${XDG_CACHE_HOME:-/var/cache}/aihub-test/numpy-$(dpkg --print-architecture)
[ -w "$(dirname "$(dirname "$dir")")" ] || dir=${TMPDIR:-/tmp}/aihub-test-$(id -u)/numpy-$(dpkg --print-architecture)
if [ ! -e "$dir/usr/bin/python3" ]; then
	tmp=$dir.tmp
	rm -rf "$tmp" "$dir"
	mkdir -p "$tmp/deb/partial" "$tmp/root"
	: >"$tmp/status" # as if nothing were installed: every dependency is fetched
	get() {
		timeout 300 apt-get -qq -y -o Dir::State::status="$tmp/status" -o Dir::Cache::archives="$tmp/deb" -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= \
			-o Debug::NoLocking=1 -o Acquire::Retries=3 "$@" >&2
	}
	fetch() { get --download-only --no-install-recommends install python3-minimal python3-numpy; }
	# The lists of the machine may be missing or old: then lists of our own.
	fetch || {
		mkdir -p "$tmp/lists/partial"
		get -o Dir::State::lists="$tmp/lists" update
		get -o Dir::State::lists="$tmp/lists" --download-only --no-install-recommends install python3-minimal python3-numpy
	}
	for d in "$tmp"/deb/*.deb; do dpkg-deb -x "$d" "$tmp/root"; done
	# What the packages would link when they are installed.
	for lib in blas lapack; do
		for so in "$tmp"/root/usr/lib/*/$lib/lib$lib.so.3; do ln -s "$lib/lib$lib.so.3" "$(dirname "$(dirname "$so")")/lib$lib.so.3"; done
	done
	rm -rf "$tmp/root/usr/share/doc" "$tmp/root/usr/share/man"
	mv "$tmp/root" "$dir"
	rm -rf "$tmp"
fi
echo "$dir"
