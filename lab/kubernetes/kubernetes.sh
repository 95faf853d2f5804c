#!/usr/bin/env bash
# The lab in a Kubernetes cluster, by kubectl and its current context. The recipes of the Justfile call one verb each;
# without `just`, call them here.
#
#   lab/kubernetes/kubernetes.sh up     status     sweep [GRID [FLAG ...]]     collect     down [force|discard]
#   lab/kubernetes/kubernetes.sh render [GRID [FLAG ...]]      prints what `up`, or `sweep`, hands to the cluster
#
#   COPYCOST_NETWORK          pod: the pod network; host: the nodes' own                            pod
#   COPYCOST_IMAGE            image of the agents, as the nodes know it                             copycost:local
#   COPYCOST_NAMESPACE        the lab's namespace; another is another lab beside the first          copycost
#   COPYCOST_CPUS             whole CPUs of each agent                                              2
#   COPYCOST_MEMORY           memory of each agent                                                  1Gi
#   COPYCOST_SENDER_NODE      node of the sender, by its label kubernetes.io/hostname; empty: any
#   COPYCOST_RECEIVER_NODE    node of the receiver
#   COPYCOST_NETWORK_POLICY   1: let the lab's pods reach each other in a cluster that closes pods  0
#   COPYCOST_PATIENCE         seconds to wait for nodes that have room                              15
#
# All that is made is in the lab's namespace. A Job runs the sweep; its pod stays until the run has come home.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
. lab/common.sh
. lab/kubernetes/reasons.sh
. lab/kubernetes/manifests.sh

network=${COPYCOST_NETWORK:-pod}
image=${COPYCOST_IMAGE:-copycost:local}
namespace=${COPYCOST_NAMESPACE:-copycost}
cpus=${COPYCOST_CPUS:-2}
memory=${COPYCOST_MEMORY:-1Gi}
patience=${COPYCOST_PATIENCE:-15}
state=$PWD/.lab/$namespace.kubernetes
export COPYCOST_TOKEN_FILE=$state/token/token
readonly AGENTS=app.kubernetes.io/name=copycost-agent COORDINATOR=app.kubernetes.io/name=copycost-coordinator
readonly OURS=app.kubernetes.io/part-of=copycost
# Seconds for an agent to be ready once it has a node, and for a container to start.
readonly START=120
# Polls in a row that may fail before the cluster counts as lost.
readonly LOST=30

kube() { kubectl --namespace "$namespace" --request-timeout=30s "$@"; }

# What kubectl answers. What it complains of ends the command, as one sentence.
ask() {
  local said
  said=$(kube "$@" 2>&1) || die "$(reason "$said")"
  echo "$said"
}

need_cluster() {
  command -v kubectl >/dev/null || die "kubectl is not installed; get it from kubernetes.io/docs/tasks/tools, or use" \
    "the labs that need no cluster: \`copycost sweep\`"
  ask get namespaces --output name >/dev/null
}

# Whether the namespace is there; one that is somebody else's is left alone.
is_there() {
  local label
  label=$(ask get namespace "$namespace" --ignore-not-found \
    --output jsonpath='{.metadata.name}={.metadata.labels.app\.kubernetes\.io/part-of}')
  case $label in
    "" | =) return 1 ;;
    "$namespace=copycost") ;;
    *) die "the namespace $namespace is not the lab's; choose another: COPYCOST_NAMESPACE=NAME" ;;
  esac
}

up() {
  need_cluster
  check_settings
  lock lab/kubernetes/base/kustomization.yaml
  if is_there; then
    if [ "$(coordinator | cut -d '|' -f 3)" = running ]; then
      say "a sweep is running; the lab is left as it is"
      return
    fi
  else
    # A lab that does not come up is removed again.
    trap 'remove >/dev/null || true' EXIT
  fi
  [ -f "$COPYCOST_TOKEN_FILE" ] || make_token
  write_agents
  ask apply --kustomize "$state/agents" >/dev/null
  await_agents
  trap - EXIT
}

# Waits until both agents are ready, or it is clear why they will not be.
await_agents() {
  local why unschedulable=0 deadline=$((SECONDS + patience + START))
  until is_ready; do
    why=$(why_not_ready)
    case $why in
      "") ;;
      unschedulable:*)
        ((unschedulable++ < patience)) || die "${why#unschedulable:}"
        ;;
      *) die "$why" ;;
    esac
    ((SECONDS < deadline)) || die "the agents are not ready after $((patience + START)) s; see" \
      "\`kubectl --namespace $namespace describe pods\`"
    sleep 1
  done
}

# One pod of each Deployment, made as the Deployment now is.
is_ready() {
  local found
  found=$(ask get deployments --selector "$AGENTS" --output jsonpath="$DEPLOYMENTS")
  [ "$(awk -F '|' '$1 == $2 && $3 == 1 && $4 == 1 && $5 == 1' <<<"$found" | wc -l)" -eq 2 ]
}

status() {
  need_cluster
  if ! is_there; then
    echo "no lab; \`just k8s-up\` makes it"
    return
  fi
  ask get pods --selector "$OURS" --output wide
  is_ready || die "it cannot measure as it is; \`just k8s-up\` repairs it"
}

# The coordinator as NAME|NODE|STATE|EXIT CODE, where the state is starting, running or ended; nothing without a pod.
coordinator() {
  local found name node phase code deleted
  found=$(kube get pods --selector "$COORDINATOR" --output jsonpath="$COORDINATORS" 2>&1) || {
    echo "$found" >&2
    return 1
  }
  [ -n "$found" ] || return 0
  IFS='|' read -r name node phase code deleted <<<"${found%%$'\n'*}"
  case $phase:$code in
    Failed:* | Succeeded:*) echo "$name|$node|gone||$deleted" ;;
    *:?*) echo "$name|$node|ended|$code|$deleted" ;;
    Running:*) echo "$name|$node|running||$deleted" ;;
    *) echo "$name|$node|starting||$deleted" ;;
  esac
}

# Runs a grid, a file or a built-in name, with further flags of `copycost sweep`; then its run comes home.
sweep() {
  local found
  need_cluster
  check_settings
  if is_there && found=$(coordinator) && [ -n "$found" ]; then
    [[ $found == *"|ended|"* || $found == *"|gone|"* ]] ||
      die "a sweep is running in this lab; \`just k8s-collect\` waits for it"
    say "the run of the last sweep comes home first"
    (attend) >/dev/null || true
  fi
  (up)
  write_sweep "$@"
  # Of a sweep whose pod was never made, the Job may be there.
  remove_sweep ""
  ask apply --kustomize "$state/sweep" >/dev/null
  attend
}

collect() {
  need_cluster
  is_there || die "no lab, so there is nothing to collect"
  [ -n "$(coordinator)" ] || die "no sweep was run since the last one came home, so there is nothing to collect"
  attend
}

# Waits for the coordinator's end and shows what it says, takes its run home, and removes it. Ctrl-C ends the sweep in
# order first; a second one leaves it to `collect`. Ends with the coordinator's exit code.
attend() {
  local found name='' phase='' code='' deleted='' failures=0 waited=0 why
  stop=0 follower='' said=$state/sweep/said
  mkdir -p "${said%/*}"
  trap 'stop=$((stop + 1))' INT TERM
  while [ "$phase" != ended ]; do
    ((stop < 2)) || leave "the sweep is being ended"
    if found=$(coordinator 2>/dev/null); then
      failures=0
      IFS='|' read -r name _ phase code deleted <<<"$found"
    elif ((++failures >= LOST)); then
      leave "the cluster does not answer any more, and the sweep goes on there"
    fi
    why=''
    case $phase in
      gone) why="the coordinator's pod is gone, and its run with it; see \`kubectl --namespace $namespace get events\`" ;;
      "" | starting) why=$(why_not_started $((waited++))) ;;
      running) follow "$name" ;;
    esac
    if [ -n "$why" ]; then
      remove_sweep "$name"
      die "$why"
    fi
    if [ "$stop" = 1 ] && [ -z "$name" ]; then
      remove_sweep ""
      return 130
    fi
    if [ "$stop" = 1 ] && [ -n "$name" ] && [ -z "$deleted" ]; then
      # The coordinator gets SIGTERM; the container beside it keeps the run through the grace period.
      say "the sweep is ended, and its run so far comes home"
      kube delete pod "$name" --wait=false >/dev/null 2>&1 || true
      deleted=asked
    fi
    [ "$phase" = ended ] || sleep 1
  done
  [ -n "$follower" ] || follow "$name"
  wait_for_follower
  explain "$code"
  bring_home "$name"
  remove_sweep "$name"
  return "$code"
}

leave() { die "$*; \`just k8s-collect\` takes the run home"; }

# Shows the coordinator's words, in the background; again, where the connection was lost.
follow() {
  [ -z "$follower" ] || ! kill -0 "$follower" 2>/dev/null || return 0
  kubectl --namespace "$namespace" logs "$1" --container coordinator --follow ${follower:+--since=2s} 2>/dev/null |
    tee -a "$said" >&2 &
  follower=$!
}

wait_for_follower() {
  local left=100
  while kill -0 "$follower" 2>/dev/null && ((left--)); do sleep 0.1; done
  kill "$follower" 2>/dev/null || true
}

# Takes the run out of the pod. A stream that was cut off fails its checksums, and is asked for again.
bring_home() {
  local try home complaint=''
  mkdir -p results
  home=$(mktemp -d results/.arriving.XXXXXX)
  for try in 1 2 3; do
    ((try == 1)) || sleep 2
    rm -rf "$home/runs" && mkdir "$home/runs"
    if kubectl --namespace "$namespace" exec "$1" --container results -- /copycost export /results \
      2>"$home/complaint" | tar -x -C "$home/runs" --no-same-owner 2>/dev/null && is_whole "$home/runs"; then
      rm "$home/runs/SHA256SUMS"
      cp -R "$home/runs/." results/
      rm -rf "$home"
      link_latest
      echo "results/$(readlink results/latest)"
      return
    fi
    complaint=$(tail -n 1 "$home/complaint")
    # A sweep that was refused has begun no run.
    [[ $complaint != *"has no files"* ]] || break
  done
  rm -rf "$home"
  [[ $complaint == *"has no files"* ]] || leave "the run could not be taken out of the pod ($complaint)"
}

is_whole() {
  (cd "$1" && [ -f SHA256SUMS ] &&
    if command -v sha256sum >/dev/null; then sha256sum --check --status SHA256SUMS; else
      shasum --algorithm 256 --check --status SHA256SUMS
    fi)
}

# Removes what a sweep made: its pod first, which would otherwise take its grace period.
remove_sweep() {
  {
    [ -z "$1" ] || kube delete pod "$1" --grace-period=1 --wait=false --ignore-not-found
    kube delete job coordinator --ignore-not-found
    kube delete configmap --selector "$COORDINATOR"
    [ -z "$1" ] || kube wait --for=delete "pod/$1" --timeout=25s
  } >/dev/null 2>&1 || true
}

# Removes the lab. A run that has not come home yet does so first; `discard` gives it up, `force` ends a sweep.
down() {
  local found
  case ${1:-} in
    "" | force | discard) ;;
    *) die "\`$1\` is neither force nor discard" ;;
  esac
  need_cluster
  if is_there && [ "${1:-}" != discard ]; then
    found=$(coordinator)
    if [ -n "$found" ] && [[ $found != *"|ended|"* ]]; then
      [ "${1:-}" = force ] || may_end_sweep k8s-down
      kube delete pod "${found%%|*}" --wait=false >/dev/null
    fi
    # The exit code of that sweep is not this command's.
    [ -z "$found" ] || [ "$(cut -d '|' -f 3 <<<"$found")" = gone ] || (attend) || true
  fi
  lock lab/kubernetes/base/kustomization.yaml
  remove
}

remove() {
  if is_there; then
    kube delete pods --selector "$OURS" --grace-period=1 --wait=false >/dev/null 2>&1 || true
    kubectl delete namespace "$namespace" --timeout=180s >/dev/null 2>&1 ||
      die "the namespace $namespace is not gone yet; see \`kubectl get namespace $namespace --output yaml\`"
  fi
  rm -rf "$state"
  rmdir "${state%/*}" 2>/dev/null || true
}

# Prints what is handed to the cluster; with a grid, what a sweep adds.
render() {
  check_settings
  [ -f "$COPYCOST_TOKEN_FILE" ] || make_token
  if [ $# = 0 ]; then
    write_agents
    kubectl kustomize "$state/agents"
  else
    write_sweep "$@"
    kubectl kustomize "$state/sweep"
  fi
}

case ${1:-} in
  up | status | sweep | collect | down | render) "$@" ;;
  *) die "\`${1:-}\` is not a verb of the lab; see the head of lab/kubernetes/kubernetes.sh" ;;
esac
