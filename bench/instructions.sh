#!/usr/bin/env bash
# What does copycost's own loop cost, counted? copycost against the minimal C loop in one virtual machine under the
# instruction clock: the same kernel, the same veth pair, both ends on the one CPU, the same socket options and
# reads. Prints instructions per message of each, and their ratio (copycost over the C loop); asserts nothing.
#
#   bench/instructions.sh --kernel PATH [PATH ...]     default: plain-send, two-copy and one-copy
#
# Needs QEMU, a C compiler with a static C library, and busybox-static, which is the guest's shell. Sizes and the
# window, in milliseconds of the guest (a million instructions each), may be set:
#   SIZES="64 1024" WINDOW_MS=50 bench/instructions.sh --kernel linux-image-6.12.deb plain-send
#
# With COPYCOST_EVENTS=1 the C loop counts software events of perf on both ends: the price of counting.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ "${1:-}" != --kernel ] || [ $# -lt 2 ]; then
    sed -n '6p' "$0" >&2
    exit 2
fi
kernel=$2
shift 2
paths=${*:-plain-send two-copy one-copy}
binary=${COPYCOST:-$(find target -path '*/release/copycost' -type f -print -quit)}
busybox=${BUSYBOX:-$(command -v busybox)}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
gcc -O2 -static -o "$scratch/minimal" bench/minimal.c
cp "$(realpath "$binary")" "$scratch/copycost"

cat >"$scratch/guest.sh" <<'GUEST'
paths=$1 sizes=$2 window=$3 warmup=20
busybox mkdir -p /tmp /etc
# A namespace lives as long as a process in it.
busybox unshare -n busybox sleep 100000 & a=$!
busybox unshare -n busybox sleep 100000 & b=$!
busybox sleep 0.2
copycost link create --sender-ns /proc/$a/ns/net --receiver-ns /proc/$b/ns/net >/dev/null || exit 1
in_a="busybox nsenter --net=/proc/$a/ns/net" in_b="busybox nsenter --net=/proc/$b/ns/net"
echo 0123456789abcdef0123456789abcdef >/tmp/token
busybox chmod 600 /tmp/token
$in_a copycost agent --listen 198.19.0.1:7010 --token-file /tmp/token 2>/dev/null &
agent=$!
busybox sleep 0.3
busybox printf '%-12s %8s %14s %14s %8s\n' path bytes copycost 'C loop' ratio
for size in $sizes; do
    for path in $paths; do
        ours=$($in_b copycost measure --path "$path" --size "$size" --duration "${window}ms" \
            --warmup "${warmup}ms" --sender 198.19.0.1:7010 --token-file /tmp/token --pin 0:0 \
            --format json | busybox awk -F'[:,]' '/"throughput_gbps"/ { print $2 + 0 }')
        $in_b minimal recv 7020 0 $warmup "$window" >/tmp/minimal.out &
        receiver=$!
        busybox sleep 0.05
        $in_a minimal send 198.19.0.2 7020 0 "$path" "$size"
        wait $receiver
        theirs=$(busybox cat /tmp/minimal.out)
        # Bits of a message over bits for each nanosecond, which is an instruction.
        busybox awk -v path="$path" -v size="$size" -v ours="$ours" -v theirs="$theirs" 'BEGIN {
            printf "%-12s %8d %14.0f %14.0f %8.3f\n", path, size, size * 8 / ours, size * 8 / theirs, theirs / ours }'
    done
done
busybox kill $agent $a $b
GUEST

"$scratch/copycost" vm --quiet --accel tcg --clock instructions --kernel "$kernel" --with "$scratch/copycost" \
    --with "$scratch/minimal" --with "$busybox" --with "$scratch/guest.sh" -- \
    busybox sh /carried/guest.sh "$paths" "${SIZES:-64 1024 16384 65536 262144}" "${WINDOW_MS:-100}"
