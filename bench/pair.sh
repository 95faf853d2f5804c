# What the benchmarks that compare copycost with another program over one veth pair have in common; sourced by them.
# Sets up two namespaces with a pair between them and a sender's agent in the first, and takes all of it away at the end.
# Expects: nothing. Gives: binary, scratch, ns_a, ns_b, sender_addr, receiver_addr, summary.
# shellcheck shell=bash disable=SC2034

binary=${COPYCOST:-$(find target -path '*/release/copycost' -type f -print -quit)}
scratch=$(mktemp -d)
ns_a="copycost-bench-a-$$" ns_b="copycost-bench-b-$$"

clean_up() {
    ip netns pids "$ns_a" 2>/dev/null | xargs -r kill -9 2>/dev/null || true
    ip netns pids "$ns_b" 2>/dev/null | xargs -r kill -9 2>/dev/null || true
    ip netns delete "$ns_a" 2>/dev/null || true
    ip netns delete "$ns_b" 2>/dev/null || true
    rm -rf "$scratch"
}
trap clean_up EXIT

ip netns add "$ns_a"
ip netns add "$ns_b"
"$binary" link create --sender-ns "/run/netns/$ns_a" --receiver-ns "/run/netns/$ns_b" >/dev/null
sender_addr=198.19.0.1 receiver_addr=198.19.0.2

# The coordinator and its receiver are in B; the sender's agent in A, reached over the pair itself.
head -c 32 /dev/urandom | base64 >"$scratch/token"
ip netns exec "$ns_a" "$binary" agent --listen "$sender_addr:7010" --token-file "$scratch/token" 2>/dev/null &
disown
sleep 0.3

summary() { # NAME FILE of lines "ours theirs"
    awk -v name="$1" '
        function median(values, count,    i, j, swap) {
            for (i = 2; i <= count; i++)
                for (j = i; j > 1 && values[j - 1] > values[j]; j--) {
                    swap = values[j]; values[j] = values[j - 1]; values[j - 1] = swap
                }
            return count % 2 ? values[(count + 1) / 2] : (values[count / 2] + values[count / 2 + 1]) / 2
        }
        NF == 2 && $2 > 0 { count++; ours[count] = $1; theirs[count] = $2; ratio[count] = $1 / $2 }
        END {
            if (!count) { printf "%-32s no pair\n", name; exit }
            one = median(ours, count); other = median(theirs, count); middle = median(ratio, count)
            printf "%-32s %9.3f %9.3f %8.3f %8.3f   %.3f-%.3f\n", \
                name, one, other, one / other, middle, ratio[1], ratio[count]
        }' "$2"
}
