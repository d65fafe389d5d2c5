#!/bin/sh
# A vendor's verbs as a Windows program: Wine runs aihub.exe against the demo on
# loopback, and against a Docker engine that Wine reaches by TCP. Needs root, for the
# engine and for Debian's packages (Wine is some 50, so this is no part of make test).
#   make test-windows
# What Wine 8 lacks: bcryptprimitives.dll, whose one function is forwarded here to
# the random numbers of advapi32; and removing open files as Windows 10 does, so
# that the probe of the machine fails there, which aihub test has to say.
set -eu
if [ -z "${DOCKER_HOST:-}" ]; then
	export DEBIAN_FRONTEND=noninteractive
	for p in wine wine64 binutils-mingw-w64-x86-64; do
		dpkg -s "$p" >/dev/null 2>&1 || apt-get -o DPkg::Lock::Timeout=300 install -y -qq --no-install-recommends "$p" >/dev/null
	done
	exec sh deploy/with-docker.sh sh "$0"
fi
dir=$(mktemp -d /tmp/aihub-windows-XXXXXX)
demo= bridge=
end() {
	[ -z "$bridge" ] || kill "$bridge" 2>/dev/null || true
	[ -z "$demo" ] || { kill -INT "$demo" 2>/dev/null && wait "$demo" 2>/dev/null; } || true
	WINEPREFIX=$dir/wine wineserver -k 2>/dev/null || true
	rm -rf "$dir"
}
trap end EXIT
trap 'exit 1' INT TERM

GOOS=windows GOARCH=amd64 go build -o "$dir/aihub.exe" ./cmd/aihub
bin/aihub demo >"$dir/demo.txt" 2>&1 </dev/null &
demo=$!
export WINEPREFIX="$dir/wine" WINEDEBUG=-all
wine wineboot -i >/dev/null 2>&1
printf 'LIBRARY bcryptprimitives.dll\nEXPORTS\n ProcessPrng=advapi32.SystemFunction036\n' >"$dir/b.def"
x86_64-w64-mingw32-dlltool -d "$dir/b.def" -e "$dir/b.o"
x86_64-w64-mingw32-ld -shared -o "$dir/wine/drive_c/windows/system32/bcryptprimitives.dll" "$dir/b.o"
i=0
until grep -q '^Stop it' "$dir/demo.txt"; do
	i=$((i + 1))
	if [ "$i" -gt 300 ] || ! kill -0 "$demo" 2>/dev/null; then
		echo "the demo does not come up:" >&2
		tail -n 20 "$dir/demo.txt" >&2
		exit 1
	fi
	sleep 1
done
python3 - "${DOCKER_HOST#unix://}" "$dir/port" <<'P' &
import os, socket, sys, threading
l = socket.create_server(("127.0.0.1", 0))
with open(sys.argv[2] + ".tmp", "w") as f: f.write(str(l.getsockname()[1]))
os.rename(sys.argv[2] + ".tmp", sys.argv[2])
def pump(a, b):
    try:
        while x := a.recv(65536): b.sendall(x)
        b.shutdown(socket.SHUT_WR)
    except OSError: pass
while True:
    c, _ = l.accept()
    s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])
    for a, b in (c, s), (s, c): threading.Thread(target=pump, args=(a, b), daemon=True).start()
P
bridge=$!

mkdir "$dir/wine/drive_c/w"
cd "$dir/wine/drive_c/w"
export AIHUB_SERVER
AIHUB_SERVER=$(sed -n 's/^The server runs on: \([^ ]*\).*/\1/p' "$dir/demo.txt")
# says VERB... and fails unless its answer, both streams, has the words of the first argument
says() {
	words=$1
	shift
	echo "aihub.exe $*"
	timeout 300 wine "$dir/aihub.exe" "$@" >"$dir/out" 2>&1 || { cat "$dir/out" >&2; exit 1; }
	grep -q "$words" "$dir/out" || { echo "it does not say: $words" >&2; cat "$dir/out" >&2; exit 1; }
}
sed -n 's/^ *vendor *//p' "$dir/demo.txt" | tail -n 1 >"$dir/password"
says 'Signed in' login --user vendor <"$dir/password"
says 'event-dispatch@1' scenario list
says 'Next: read' init event-dispatch
cd event-dispatch
mkdir "$dir/image"
(cd go && CGO_ENABLED=0 go build -trimpath -o "$dir/image/algorithm" .)
mkdir "$dir/image/opt"
cp sample.csv "$dir/image/opt/"
tar c -C "$dir/image" --owner 0 --group 0 algorithm opt | docker import -c 'ENTRYPOINT ["/algorithm"]' -c 'USER 65532:65532' - algorithm >/dev/null
docker save algorithm -o algorithm.tar
until [ -e "$dir/port" ]; do
	kill -0 "$bridge" || { echo "the bridge to the engine does not come up" >&2; exit 1; }
	sleep 0.1
done
DOCKER_HOST="tcp://127.0.0.1:$(cat "$dir/port")"
export DOCKER_HOST
says 'keep the contract (' test --image algorithm.tar
grep -q 'Not checked here' "$dir/out" || { echo 'it does not say what it could not check' >&2; cat "$dir/out" >&2; exit 1; }
says '\[tried\]' submit event-dispatch --image algorithm.tar --smoke --wait
says '\[scored\]' submit event-dispatch --image algorithm.tar --name windows --wait
says 'windows' runs
says 'accuracy' board event-dispatch
echo "PASS: login, scenario list, init, test, submit, runs and board as a Windows program"
