#!/usr/bin/env bash
# What do containers cost? The direct pair of the container lab against two bare network namespaces, and Docker's
# bridge against the direct pair: the same cells in turns, as ratios of medians. Asserts nothing.
#
#   bench/containers.sh [ROUNDS]        default: 7; needs the lab: just lab-up
#
# Sizes may be set: SIZES="64, 16KiB" bench/containers.sh
set -euo pipefail
cd "$(dirname "$0")/.."

rounds=${1:-7}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
grid() { # NAME WIRES
    cat <<END
name: $1
paths: [plain-send, two-copy, one-copy, zero-copy, sendfile, splice]
message_sizes: [${SIZES:-16KiB, 64KiB}]
threads: [1]
$2
duration: 400ms
warmup: 200ms
repetitions: 1
END
}
grid bench-containers 'wire: [veth, bridge]' >"$scratch/containers.yaml"
grid bench-netns '' >"$scratch/netns.yaml"

for ((round = 0; round < rounds; round++)); do
    run=$(lab/lab.sh sweep "$scratch/containers.yaml" 2>"$scratch/said" | tail -n 1) || {
        cat "$scratch/said" >&2
        exit 1
    }
    tail -n +2 "$run/trials.csv" | sed 's/^/containers,/' >>"$scratch/rows"
    head -n 1 "$run/trials.csv" | sed 's/^/lab,/' >"$scratch/header"
    run=$(lab/lab.sh tool sweep "$scratch/netns.yaml" --quiet --no-report --results "$scratch/results" | tail -n 1)
    tail -n +2 "$run/trials.csv" | sed 's/^/netns,/' >>"$scratch/rows"
done

cat "$scratch/header" "$scratch/rows" | python3 -c '
import csv, statistics, sys
cells = {}
for row in csv.DictReader(sys.stdin):
    key = (row["send_path"], int(row["message_bytes"]))
    if row["status"] == "ok":
        cells.setdefault(key, {}).setdefault((row["lab"], row["wire"]), []).append(float(row["throughput_gbps"]))
line = "{:12}{:>9}{:>22}{:>24}".format
print(line("", "", "direct pair / netns", "bridge / direct pair"))
for (path, size), of in sorted(cells.items()):
    median = {place: statistics.median(values) for place, values in of.items()}
    direct, bridge = median[("containers", "veth")], median[("containers", "bridge")]
    ratios = direct / median[("netns", "veth")], bridge / direct
    print(line(path, size, *("{:.3f}".format(ratio) for ratio in ratios)))
'
