#!/usr/bin/env bash
# What does copycost's own loop cost? Interleaved pairs on one veth pair, pinned alike: copycost against a
# minimal C loop that makes the same calls, plain-send against iperf3, and sendfile and splice, where they are
# asked for, against iperf3 -Z, which is sendfile too. Prints the ratio of medians (copycost over the other) and
# the range of the paired ratios; asserts nothing.
#
#   bench/overhead.sh [PAIRS] [PATH ...]       default: 7 pairs of plain-send, two-copy and one-copy
#
# Needs root, iproute2, a C compiler, and iperf3 for its part. Sizes and the window may be set:
#   SIZES="64 1024" WINDOW_MS=500 bench/overhead.sh 9 plain-send
set -euo pipefail
cd "$(dirname "$0")/.."

pairs=${1:-7}
shift || true
paths=("$@")
[ "${#paths[@]}" -gt 0 ] || paths=(plain-send two-copy one-copy)
read -ra sizes <<<"${SIZES:-64 1024 16384 65536 262144}"
window=${WINDOW_MS:-500} warmup=300

# shellcheck source=bench/pair.sh
source bench/pair.sh
gcc -O2 -o "$scratch/minimal" bench/minimal.c

copycost() { # PATH SIZE -> Gb/s
    timeout 20 ip netns exec "$ns_b" "$binary" measure --path "$1" --size "$2" --duration "${window}ms" \
        --warmup "${warmup}ms" --sender "$sender_addr:7010" --wire veth --token-file "$scratch/token" \
        --pin 0:1 --format json | awk -F'[:,]' '/"throughput_gbps"/ { print $2 + 0 }'
}

minimal() { # PATH SIZE -> Gb/s
    timeout 20 ip netns exec "$ns_b" "$scratch/minimal" recv 7020 1 "$warmup" "$window" >"$scratch/minimal.out" &
    local receiver=$!
    sleep 0.05
    timeout 20 ip netns exec "$ns_a" "$scratch/minimal" send "$receiver_addr" 7020 0 "$1" "$2" || true
    wait "$receiver"
    cat "$scratch/minimal.out"
}

iperf() { # SIZE [OPTION] -> Gb/s, over a second (its shortest time) after a second that is left out
    timeout 20 ip netns exec "$ns_a" taskset -c 0 iperf3 -s -1 -B "$sender_addr" -p 7030 >/dev/null &
    local server=$!
    sleep 0.1
    timeout 20 ip netns exec "$ns_b" taskset -c 1 iperf3 -c "$sender_addr" -p 7030 -R -C cubic -l "$1" -J ${2:+"$2"} \
        -O 1 -t 1 2>/dev/null |
        awk -F'[:,]' '/"sum_received"/ { there = 1 } there && /"bits_per_second"/ { print $2 / 1e9; exit }'
    wait "$server" || true
}

printf '%-32s %9s %9s %8s %8s   %s\n' "" copycost other "medians" paired "range of pairs"
for size in "${sizes[@]}"; do
    for path in "${paths[@]}"; do
        [[ $path != sendfile && $path != splice ]] || continue
        for ((pair = 0; pair < pairs; pair++)); do
            if ((pair % 2)); then
                other=$(minimal "$path" "$size") ours=$(copycost "$path" "$size")
            else
                ours=$(copycost "$path" "$size") other=$(minimal "$path" "$size")
            fi
            echo "$ours $other"
        done >"$scratch/pairs"
        summary "$path $size B / C loop" "$scratch/pairs"
    done
    command -v iperf3 >/dev/null || continue
    for path in "${paths[@]}"; do
        case $path in
            plain-send) option= ;;
            sendfile | splice) option=-Z ;;
            *) continue ;;
        esac
        for ((pair = 0; pair < pairs; pair++)); do
            echo "$(copycost "$path" "$size") $(iperf "$size" "$option")"
        done >"$scratch/pairs"
        summary "$path $size B / iperf3${option:+ $option}" "$scratch/pairs"
    done
done
