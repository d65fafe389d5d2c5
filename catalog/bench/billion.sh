#!/bin/sh
# Masks DIR/visits.parquet by one command and prints its peak memory:
#   sh catalog/bench/billion.sh AIHUB DIR
set -e
"$1" mask table "$2/visits.parquet" "$2/masked.parquet" --manifest "$(dirname "$0")/visits.yaml" --key "$2/root.key" &
pid=$!
trap 'kill $pid 2>/dev/null || true' INT TERM
peak=""
while kill -0 $pid 2>/dev/null; do
	now=$(grep VmHWM "/proc/$pid/status" 2>/dev/null) && [ -n "$now" ] && peak=$now
	sleep 1
done
wait $pid
echo "peak memory: $peak"
ls -l "$2"
