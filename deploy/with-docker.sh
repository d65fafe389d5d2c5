#!/bin/sh
# Runs a command beside a Docker engine of its own: Debian's dockerd with its own
# data, state and socket in a temporary directory, without networks. DOCKER_HOST
# tells the command where it is; afterwards the engine is ended by its process id.
# When DOCKER_HOST is set already, that engine is used. Needs root.
#   deploy/with-docker.sh COMMAND...
set -eu
[ -z "${DOCKER_HOST:-}" ] || exec "$@"
PATH=$PATH:/usr/sbin:/sbin
dir=$(mktemp -d /tmp/aihub-dk-XXXXXX)
echo '{}' > "$dir/daemon.json"
dockerd --data-root="$dir/data" --exec-root="$dir/exec" --pidfile="$dir/pid" --host="unix://$dir/s" \
	--config-file="$dir/daemon.json" --bridge=none --iptables=false --ip6tables=false --ip-masq=false >"$dir/log" 2>&1 &
pid=$!
end() {
	kill "$pid" 2>/dev/null || true
	wait "$pid" 2>/dev/null || true
	for m in $(awk -v d="$dir/" 'index($5, d) == 1 {print $5}' /proc/self/mountinfo | sort -r); do umount -l "$m" || true; done
	rm -rf "$dir"
}
trap end EXIT
trap 'exit 1' INT TERM
i=0
while [ ! -S "$dir/s" ] || [ ! -s "$dir/pid" ]; do
	i=$((i + 1))
	if [ "$i" -gt 600 ] || ! kill -0 "$pid" 2>/dev/null; then
		echo "dockerd does not start:" >&2
		tail -n 20 "$dir/log" >&2
		exit 1
	fi
	sleep 0.1
done
DOCKER_HOST="unix://$dir/s" "$@"
