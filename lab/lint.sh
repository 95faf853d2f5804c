#!/usr/bin/env bash
# Checks the files that are no Rust. A checker that is not there is named; the others still decide.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit
failed=0

check() {
  if ! command -v "$1" >/dev/null; then
    echo "SKIP $1: not installed"
  else
    echo "$*"
    "$@" || failed=1
  fi
}

check shellcheck -x lab/*.sh lab/*/*.sh bench/*.sh tests/kubernetes/kubectl.sh .ci/run
check hadolint Dockerfile
check check-jsonschema --builtin-schema vendor.compose-spec compose.yaml lab/compose.privileged.yaml lab/swarm/*.yaml
check check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/ci.yml .github/workflows/release.yml
check check-jsonschema --builtin-schema vendor.github-actions action.yml
check cargo-deny --offline --log-level error check bans licenses sources
check zizmor --offline --quiet .github/workflows action.yml
lab/kubernetes/check.sh || failed=1
exit "$failed"
