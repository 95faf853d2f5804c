#!/usr/bin/env bash
# Brings kernels for the tests of `copycost vm`: the newest package of each series, unpacked, nothing installed.
#
#   lab/kernels.sh [DIRECTORY [SERIES ...]]       default: target/kernels 6.1 6.12
#
# Needs Debian's package tools; the tests take any directory that a kernel's package was unpacked to.
set -euo pipefail
cd "$(dirname "$0")/.."

directory=${1:-target/kernels}
shift || true
series=("$@")
[ "${#series[@]}" -gt 0 ] || series=(6.1 6.12)
if ! command -v apt-get >/dev/null || ! command -v dpkg-deb >/dev/null; then
    echo "kernels: no apt-get here; unpack kernel packages of your distribution into $directory/linux-image-…" >&2
    exit 1
fi
mkdir -p "$directory"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

missing=0
for one in "${series[@]}"; do
    unpacked=$(find "$directory" -maxdepth 1 -name "linux-image-$one.*-amd64" ! -name '*cloud*' -print -quit)
    if [ -n "$unpacked" ]; then
        echo "$unpacked: there already"
        continue
    fi
    # The plain ones: not for clouds, not real-time, not unsigned, not their debug symbols.
    package=$(apt-cache search --names-only "^linux-image-${one//./\\.}\.[0-9.+a-z~-]*amd64$" | awk '{ print $1 }' |
        grep -Ev 'cloud|rt-|unsigned|dbg' | sort -V | tail -n 1)
    if [ -z "$package" ]; then
        echo "kernels: this distribution has no kernel of the series $one (or apt-get update was not run)" >&2
        missing=1
        continue
    fi
    # Root's downloads would be left to a user of their own, who may not write here.
    (cd "$scratch" && apt-get -o APT::Sandbox::User=root download -qq "$package")
    # Unpacked beside its place and moved there whole: half a directory would be taken for one.
    dpkg-deb --extract "$scratch/${package}"_*.deb "$scratch/$package"
    mv "$scratch/$package" "$directory/$package"
    echo "$directory/$package: unpacked"
done
exit "$missing"
