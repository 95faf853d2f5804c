# What a cluster says of itself, and what to do about it. kubernetes.sh sources it.
# shellcheck shell=bash
# shellcheck disable=SC2154,SC2034 # namespace, image, cpus, memory and said are set there, and what is set here is used there

# Generations made and meant; pods wanted, made so, and ready.
DEPLOYMENTS='{range .items[*]}{.metadata.generation}|{.status.observedGeneration}|{.status.replicas}|'
DEPLOYMENTS+='{.status.updatedReplicas}|{.status.readyReplicas}{"\n"}{end}'
# Role, node, what is waited for, and why.
AGENT_PODS='{range .items[*]}{.metadata.labels.app\.kubernetes\.io/component}|{.spec.nodeName}|'
AGENT_PODS+='{.status.conditions[?(@.type=="PodScheduled")].reason}{.status.containerStatuses[*].state.waiting.reason}|'
AGENT_PODS+='{.status.conditions[?(@.type=="PodScheduled")].message}{.status.containerStatuses[*].state.waiting.message}'
AGENT_PODS+='{"\n"}{end}'
# Pod, node, phase of the pod or `running`, the coordinator's exit code, when its removal was ordered.
COORDINATORS='{range .items[*]}{.metadata.name}|{.spec.nodeName}|{.status.phase}|'
COORDINATORS+='{.status.containerStatuses[?(@.name=="coordinator")].state.terminated.exitCode}|'
COORDINATORS+='{.metadata.deletionTimestamp}{"\n"}{end}'
# Why a controller makes no pod.
FAILURES='{range .items[*]}{.status.conditions[?(@.type=="ReplicaFailure")].message}'
FAILURES+='{.status.conditions[?(@.type=="Failed")].message}{"\n"}{end}'

# Why kubectl could not do it, and what to do, from what it complained of.
reason() {
  local last field
  last=$(sed '/^Warning:/d' <<<"$1" | tail -n 1)
  case $1 in
    *"unknown field"*)
      field=$(sed -n 's/.*unknown field \\\{0,1\}"\([^"\\]*\).*/\1/p' <<<"$1" | sed -n 1p)
      echo "the cluster does not know the field $field, which the lab needs; update it to Kubernetes 1.20 or newer"
      ;;
    *"no matches for kind"*) echo "the cluster lacks a kind of object ($last); update it to Kubernetes 1.20 or newer" ;;
    *"violates PodSecurity"*) echo "the namespace $namespace admits no pods with the rights that agents need;" \
      "\`kubectl label namespace $namespace pod-security.kubernetes.io/enforce=privileged --overwrite\`" ;;
    *"exceeded quota"*) echo "the quota of the namespace $namespace is too small for the agents; ask for less:" \
      "COPYCOST_CPUS=1 COPYCOST_MEMORY=512Mi" ;;
    *"being terminated"*) echo "the lab before this one is still being removed; try again in a minute" ;;
    *orbidden*) echo "you may not do that in this cluster ($last); ask whoever runs it for the rights that" \
      "lab/kubernetes/README.md lists" ;;
    *Unauthorized* | *"must be logged in"* | *"provide credentials"*) echo "the cluster does not know you; log in to it" \
      "again, then try \`kubectl auth whoami\`" ;;
    *"current-context is not set"* | *"context"*"does not exist"* | *"context was not found"* | *"no configuration has been provided"* | *localhost:8080*)
      echo "kubectl knows no cluster; choose one: \`kubectl config use-context NAME\`, or KUBECONFIG=FILE" ;;
    *"nable to connect"* | *refused* | *"timed out"* | *timeout* | *"deadline exceeded"* | *"no such host"*)
      echo "the cluster does not answer ($last); see that it runs and that \`kubectl get nodes\` works" ;;
    *) echo "$last" ;;
  esac
}

# Why the agents are not ready, if that is clear already. What may still change begins with `unschedulable:`.
why_not_ready() {
  local refusal role node what why
  refusal=$(ask get deployments --selector "$AGENTS" --output jsonpath="$FAILURES" | sed -n '/./{p;q;}')
  if [ -n "$refusal" ]; then
    reason "$refusal"
    return
  fi
  while IFS='|' read -r role node what why; do
    case $what in
      Unschedulable) echo "unschedulable:$(unschedulable "$role" "$why")" ;;
      *) not_started "$role" "$node" "$what" "$why" ;;
    esac
  done < <(ask get pods --selector "$AGENTS" --output jsonpath="$AGENT_PODS") | sed -n 1p
}

# Why a container does not start, if it will not start later: `not_started ROLE NODE REASON MESSAGE`.
not_started() {
  case $3 in
    ErrImageNeverPull | ImagePullBackOff | InvalidImageName) echo "the node $2 has no image $image and cannot get it" \
      "($3); push it where the nodes pull from, and name it: COPYCOST_IMAGE=REGISTRY/copycost:TAG, or load it into" \
      "each node's container runtime" ;;
    CrashLoopBackOff) echo "the $1 ends on the node $2: $(kube logs "deployment/$1" --tail=1 2>&1 | tail -n 1)" ;;
    CreateContainerConfigError | CreateContainerError | RunContainerError) echo "the node $2 cannot start the $1: $4" ;;
  esac
}

# Why no node is right for an agent: `unschedulable ROLE MESSAGE`.
unschedulable() {
  case $2 in
    *Insufficient*) echo "no further node has $cpus free CPUs and $memory of memory for the $1 (${2%%. *}); ask for less:" \
      "COPYCOST_CPUS=1" ;;
    *"free ports"*) echo "the ports 7010 and 7011 are taken on the nodes (${2%%. *}); end what has them, or use the pod" \
      "network: COPYCOST_NETWORK=pod" ;;
    *affinity/selector* | *"node selector"*) echo "the $1 has no node (${2%%. *}); name one that \`kubectl get nodes --label-columns" \
      "kubernetes.io/hostname\` lists: COPYCOST_${1^^}_NODE=NAME" ;;
    *anti-affinity*) echo "the lab takes two nodes that take pods, and there is one (${2%%. *}); add a node, or measure" \
      "within this one: \`copycost sweep\`" ;;
    *) echo "no node takes the $1: $2" ;;
  esac
}

# Why the coordinator will not start, if that is clear: `why_not_started SECONDS-WAITED`.
why_not_started() {
  local refusal node what why
  refusal=$(kube get jobs --selector "$OURS" --output jsonpath="$FAILURES" 2>/dev/null | sed -n '/./{p;q;}') || true
  if [ -n "$refusal" ]; then
    echo "the coordinator's pod was not made: $(reason "$refusal")"
    return
  fi
  # shellcheck disable=SC2153 # the selector, and not what is asked of the pods
  IFS='|' read -r _ node what why < <(kube get pods --selector "$COORDINATOR" --output jsonpath="$AGENT_PODS" 2>/dev/null) || true
  why=$(not_started coordinator "${node:-}" "${what%% *}" "${why:-}")
  if [ -z "$why" ] && (($1 >= START)); then
    why="the coordinator has not started after $START s; see \`kubectl --namespace $namespace describe pods\`"
  fi
  echo "$why"
}

# What a coordinator that could not do its work has met: `explain EXIT-CODE`.
explain() {
  [[ $1 == [14] ]] && [ -f "$said" ] || return 0
  if grep -q "the token is not the agent's" "$said"; then
    say "the agents have another token than $COPYCOST_TOKEN_FILE; \`just k8s-down\`, then \`just k8s-up\` makes both anew"
  elif grep -q "no such address" "$said"; then
    say "the cluster's name service does not know the agents; see \`kubectl --namespace kube-system get pods\`"
  elif grep -qE "cannot be reached|streams connected within|connecting to the sender at .*timed out" "$said"; then
    say "the pods do not reach each other by the ports 7010 and 7011/tcp: where NetworkPolicies close them," \
      "\`COPYCOST_NETWORK_POLICY=1 just k8s-up\`; a firewall between the nodes must let them through"
  fi
}
