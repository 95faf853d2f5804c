#!/usr/bin/env bash
# Holds the manifests against the schemas of three versions of Kubernetes, and against a policy checker. What is not
# installed is named; the others still decide. What a check would have otherwise is refused in the manifests, with the
# reason.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit
failed=0
command -v kubectl >/dev/null || {
  echo "SKIP manifests for Kubernetes: kubectl is not installed"
  exit
}
made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT
for directory in pod-network host-network coordinator; do
  kubectl kustomize "lab/kubernetes/$directory" >"$made/$directory.yaml" || failed=1
done
cp lab/kubernetes/network-policy/network-policy.yaml "$made"

if command -v kubernetes-validate >/dev/null; then
  for version in 1.25 1.31 1.37; do
    echo "kubernetes-validate --strict -k $version"
    kubernetes-validate --strict --quiet -k "$version" "$made"/*.yaml || failed=1
  done
else
  echo "SKIP kubernetes-validate: not installed"
fi
if command -v checkov >/dev/null; then
  echo "checkov --framework kubernetes"
  # The policy is for clusters that close pods; the others are checked without it.
  rm "$made/network-policy.yaml"
  checkov --framework kubernetes --directory "$made" --quiet --compact --skip-download || failed=1
else
  echo "SKIP checkov: not installed"
fi
exit "$failed"
