#!/usr/bin/env bash
# Fuzzes everything that reads what others wrote, each target for so long, from the corpus of real runs in fuzz/corpus.
# Prints how many inputs each target was given; ends at the first that breaks one, and says where that input is.
#
#   lab/fuzz.sh [SECONDS [TARGET ...]]       default: 17 seconds each, two minutes in all
#
# Needs a nightly toolchain and cargo-fuzz (`cargo install cargo-fuzz`).
set -euo pipefail
cd "$(dirname "$0")/../fuzz"

seconds=${1:-17}
shift || true
targets=("$@")
[ "${#targets[@]}" -gt 0 ] || mapfile -t targets < <(cargo +nightly fuzz list)
host=$(rustc -vV | sed -n 's/^host: //p')
# What every comparison sees would cost four fifths of the time; the corpus has the words that are compared with.
options=(--sanitizer none --no-trace-compares --target "$host")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cargo +nightly fuzz build "${options[@]}"
for target in "${targets[@]}"; do
    # What is found on the way stays out of the repository's corpus.
    mkdir "$work/$target"
    cargo +nightly fuzz run "${options[@]}" "$target" "$work/$target" "corpus/$target" -- \
        -max_total_time="$seconds" -timeout=20 -rss_limit_mb=4096 -print_final_stats=1 2>"$work/said" || {
        tail -n 40 "$work/said" >&2
        exit 1
    }
    printf '%-10s %10s inputs\n' "$target" "$(sed -n 's/^stat::number_of_executed_units: *//p' "$work/said")"
done
