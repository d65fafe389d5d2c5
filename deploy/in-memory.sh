#!/bin/sh
# Runs a command whose temporary files lie in memory, where there is enough of it
# and programs may be started there: tests that sync to a disk thousands of times
# wait for none. What the command leaves behind is named, and removed.
#   deploy/in-memory.sh COMMAND...
set -eu
# bounded reports whether this process's cgroup may not hold 8 GiB.
bounded() {
	for f in /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes; do
		if [ -r "$f" ] && [ "$(awk '{print ($1 == "max" || $1 >= 8 * 1073741824)}' "$f")" = 0 ]; then return 0; fi
	done
	return 1
}
dir=$(mktemp -d "${TMPDIR:-/tmp}/aihub-test-XXXXXX")
if ! bounded && [ "$(awk '/^MemAvailable:/ {print int($2 / 1048576)}' /proc/meminfo 2>/dev/null || echo 0)" -ge 8 ] &&
	[ "$(df -Pk /dev/shm 2>/dev/null | awk 'NR == 2 {print int($4 / 1048576)}')" -ge 8 ] &&
	memory=$(mktemp -d /dev/shm/aihub-XXXXXX); then
	if cp /bin/true "$memory/true" && "$memory/true"; then
		rm -r "$dir" "$memory/true"
		dir=$memory
	else
		rm -r "$memory"
	fi
fi
chmod 1777 "$dir"
trap 'rm -rf --one-file-system "$dir"' EXIT
trap 'exit 1' INT TERM
ended=0
GOTMPDIR= TMPDIR=$dir "$@" || ended=$?
if [ -n "$(ls -A "$dir")" ]; then
	echo "left behind in the directory of temporary files:" >&2
	ls -lA "$dir" >&2
fi
exit $ended
