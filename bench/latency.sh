#!/usr/bin/env bash
# What does measuring a message's delay add to it? Interleaved pairs on one veth pair, pinned alike: copycost's request
# workload with plain-send against a minimal C ping-pong that makes the same calls, and against sockperf where it is
# installed. Prints medians of the median response time, their ratio (copycost over the other) and the range of the
# paired ratios; asserts nothing.
#
#   bench/latency.sh [PAIRS]                   default: 9 pairs
#
# Needs root, iproute2, a C compiler, and sockperf for its part. Sizes and the window may be set:
#   SIZES="64 16384" WINDOW_MS=500 bench/latency.sh 15
set -euo pipefail
cd "$(dirname "$0")/.."

pairs=${1:-9}
read -ra sizes <<<"${SIZES:-64 16384 65536}"
window=${WINDOW_MS:-500} warmup=200

# shellcheck source=bench/pair.sh
source bench/pair.sh
gcc -O2 -o "$scratch/pingpong" bench/pingpong.c

copycost() { # SIZE -> us
    timeout 20 ip netns exec "$ns_b" "$binary" measure --workload request --path plain-send --size "$1" \
        --duration "${window}ms" --warmup "${warmup}ms" --sender "$sender_addr:7010" --wire veth \
        --token-file "$scratch/token" --pin 0:1 --format json | awk -F'[:,]' '/"response_p50_us"/ { print $2 + 0 }'
}

pingpong() { # SIZE -> us
    timeout 20 ip netns exec "$ns_b" "$scratch/pingpong" serve 7020 1 "$1" &
    local server=$!
    sleep 0.05
    timeout 20 ip netns exec "$ns_a" "$scratch/pingpong" ask "$receiver_addr" 7020 0 "$1" "$warmup" "$window" |
        awk '{ print $1 }'
    wait "$server"
}

# sockperf answers with the whole message, of 65,507 bytes at most, and reports half of the round trip unless it is asked
# for all of it.
sockperf() { # SIZE -> us
    timeout 20 ip netns exec "$ns_b" taskset -c 1 sockperf server --tcp -i "$receiver_addr" -p 7030 >/dev/null 2>&1 &
    local server=$!
    sleep 0.2
    timeout 20 ip netns exec "$ns_a" taskset -c 0 sockperf ping-pong --tcp -i "$receiver_addr" -p 7030 -m "$(($1 < 65507 ? $1 : 65507))" -t 1 \
        --full-rtt 2>/dev/null | sed -n 's/.*percentile 50.000 = *\([0-9.]*\).*/\1/p'
    kill "$server" 2>/dev/null || true
    wait "$server" 2>/dev/null || true
}

against() { # NAME FUNCTION SIZE
    for ((pair = 0; pair < pairs; pair++)); do
        if ((pair % 2)); then
            other=$("$2" "$3") ours=$(copycost "$3")
        else
            ours=$(copycost "$3") other=$("$2" "$3")
        fi
        echo "$ours $other"
    done >"$scratch/pairs"
    summary "$3 B / $1" "$scratch/pairs"
}

printf '%-32s %9s %9s %8s %8s   %s\n' "median response, us" copycost other "medians" paired "range of pairs"
for size in "${sizes[@]}"; do
    against "C ping-pong" pingpong "$size"
    if type -P sockperf >/dev/null; then
        against sockperf sockperf "$size"
    fi
done
