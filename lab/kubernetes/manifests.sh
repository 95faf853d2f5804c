# What the settings make of the manifests: kustomizations in the lab's state, over those beside this file. kubernetes.sh
# sources it.
# shellcheck shell=bash
# shellcheck disable=SC2154 # network, image, namespace, cpus, memory and state are set there

check_settings() {
  [[ $network == @(pod|host) ]] || die "COPYCOST_NETWORK=$network is neither pod nor host"
  [[ $cpus =~ ^[1-9][0-9]*$ ]] || die "COPYCOST_CPUS=$cpus is no whole number; an agent is pinned to whole CPUs"
  [ -z "${COPYCOST_SENDER_NODE:-}" ] || [ "$COPYCOST_SENDER_NODE" != "${COPYCOST_RECEIVER_NODE:-}" ] ||
    die "sender and receiver are meant to be on one node; name two by COPYCOST_SENDER_NODE and COPYCOST_RECEIVER_NODE"
}

# A word as JSON has it, and YAML too. Kubernetes would put variables into $(...).
json() {
  local word=${1//\\/\\\\}
  word=${word//\"/\\\"}
  word=${word//$'\n'/\\n}
  word=${word//$'\t'/\\t}
  printf '"%s"' "${word//\$(/\$\$(}"
}

# The token, whose name bears its checksum: agents with another one are made anew.
write_token() {
  cat >"$state/token/kustomization.yaml" <<END
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
secretGenerator:
  - {name: token, files: [token]}
END
}

# The image's name, and its tag or digest, as kustomize takes them.
images() {
  local name=$image rest=''
  case $image in
    *@*) name=${image%%@*} rest="digest: $(json "${image#*@}")" ;;
    *:*) [[ ${image##*:} == */* ]] || name=${image%:*} rest="newTag: $(json "${image##*:}")" ;;
  esac
  echo "images: [{name: copycost, newName: $(json "$name"), ${rest:-newTag: latest}}]"
}

head_of() {
  cat <<END
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
namespace: $(json "$namespace")
resources: [../token, ../../../lab/kubernetes/$1]
$(images)
END
}

on_node() {
  [ -z "$2" ] || cat <<END
  - target: {kind: Deployment, name: $1}
    patch: |
      - {op: add, path: /spec/template/spec/nodeSelector/kubernetes.io~1hostname, value: $(json "$2")}
END
}

write_agents() {
  write_token
  mkdir -p "$state/agents"
  {
    head_of "$network-network"
    [ "${COPYCOST_NETWORK_POLICY:-0}" != 1 ] || echo "components: [../../../lab/kubernetes/network-policy]"
    cat <<END
patches:
  - target: {kind: Deployment}
    patch: |
      - op: add
        path: /spec/template/spec/containers/0/env
        value: [{name: COPYCOST_IMAGE_ID, value: $(json "$image")}]
      - op: replace
        path: /spec/template/spec/containers/0/resources
        value: {requests: &size {cpu: "$cpus", memory: $(json "$memory")}, limits: *size}
END
    on_node sender "${COPYCOST_SENDER_NODE:-}"
    on_node receiver "${COPYCOST_RECEIVER_NODE:-}"
  } >"$state/agents/kustomization.yaml"
}

# The sweep: `write_sweep [GRID [FLAG ...]]`.
write_sweep() {
  local grid=${1:-quick} word words='' wire=overlay
  rm -rf "$state/sweep"
  mkdir -p "$state/sweep"
  write_token
  [ "$network" = pod ] || wire=nic
  # Whoever says what the wire is knows better.
  [[ " $* " == *" --wire"* ]] || set -- "$@" --wire "$wire"
  {
    head_of coordinator
    if [ -f "$grid" ]; then
      cp "$grid" "$state/sweep/grid.yaml"
      grid=/grid/grid.yaml
      cat <<END
configMapGenerator:
  - name: grid
    files: [grid.yaml]
    options: {labels: {app.kubernetes.io/name: copycost-coordinator, app.kubernetes.io/part-of: copycost}}
END
    fi
    for word in sweep "$grid" --results /results --sender sender.agents:7010 --receiver receiver.agents:7010 \
      --token-file /run/secrets/copycost/token "${@:2}"; do
      words+="${words:+, }$(json "$word")"
    done
    cat <<END
patches:
  - target: {kind: Job}
    patch: |
      - {op: replace, path: /spec/template/spec/containers/0/args, value: [$words]}
END
  } >"$state/sweep/kustomization.yaml"
}
