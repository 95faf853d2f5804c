#!/usr/bin/env bash
# The lab in a Docker Swarm, for one of its managers. The recipes of the Justfile call one verb each; without `just`,
# call them here.
#
#   lab/swarm/swarm.sh up [host]    status    sweep [GRID [FLAG ...]]    resume RUN    collect    down [force|discard]
#
# Agents, network and token are the stack's. The coordinator is a container of this node, which is there while a sweep
# runs and until its run is collected; it carries the label copycost.swarm=<stack>.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
. lab/common.sh

export COPYCOST_IMAGE=${COPYCOST_IMAGE:-copycost:local}
export COPYCOST_MTU=${COPYCOST_MTU:-1500}
stack=${COPYCOST_STACK:-copycost}
label=copycost.swarm=$stack
export COPYCOST_TOKEN_FILE=$PWD/.lab/$stack.swarm/token
# Bytes that VXLAN puts before each packet of the overlay.
readonly VXLAN=50

# What this engine is in its swarm, such as `active:true` for a manager.
membership() { docker info --format '{{.Swarm.LocalNodeState}}:{{.Swarm.ControlAvailable}}'; }

# Does this engine take orders for a swarm? In one sentence if not.
need_manager() {
  need_docker
  case $(membership) in
    active:true) docker node ls -q >/dev/null 2>&1 || die "the swarm has no leader: more than half of its managers" \
      "must run and reach each other by port 2377/tcp" ;;
    active:*) die "this node is a worker of its swarm; call this on a manager" ;;
    locked:*) die "the swarm is locked; \`docker swarm unlock\`" ;;
    *) die "this engine is in no swarm; \`docker swarm init\` here, and on another node the line with \`docker swarm" \
      "join\` that it prints" ;;
  esac
}

# ID, host name and state of each node; agents can be where it is Ready:Active.
nodes() { docker node ls --format '{{.ID}} {{.Hostname}} {{.Status}}:{{.Availability}}'; }

# Sets COPYCOST_SENDER_NODE and COPYCOST_RECEIVER_NODE to the IDs of two nodes: those that are named, else those that
# are labelled, else any.
choose_nodes() {
  local role variable id
  for role in SENDER RECEIVER; do
    variable=COPYCOST_${role}_NODE
    id=${!variable:-$(docker node ls -q --filter "node.label=copycost=${role,,}" | sed -n 1p)}
    [ -z "$id" ] || id=$(node_id "$id") || exit
    export "$variable=$id"
  done
  for role in SENDER RECEIVER; do
    variable=COPYCOST_${role}_NODE
    [ -n "${!variable}" ] || export "$variable=$(another_node)"
    [ -n "${!variable}" ] || die "$(too_few)"
  done
  [ "$COPYCOST_SENDER_NODE" != "$COPYCOST_RECEIVER_NODE" ] || die "sender and receiver are meant to be on one node;" \
    "name two by COPYCOST_SENDER_NODE and COPYCOST_RECEIVER_NODE, or label two with copycost=sender and copycost=receiver"
}

# The ID of a node that is named, if an agent can be there.
node_id() {
  local found id host state
  found=$(nodes | awk -v name="$1" '$1 == name || $2 == name')
  [ "$(grep -c . <<<"$found")" = 1 ] || die "the swarm has no node \`$1\`, or several of that name;" \
    "\`docker node ls\` lists their IDs"
  read -r id host state <<<"$found"
  [ "$state" = Ready:Active ] || die "$(unusable "$host" "$state")"
  echo "$id"
}

# The first node that can have an agent and has none yet, or nothing.
another_node() {
  nodes | awk -v sender="$COPYCOST_SENDER_NODE" -v receiver="$COPYCOST_RECEIVER_NODE" \
    '$3 == "Ready:Active" && $1 != sender && $1 != receiver { print $1; exit }'
}

# Why a node can have no agent: `unusable HOST STATE`.
unusable() {
  case $2 in
    *:Active) echo "the node $1 is down; see that its engine runs and reaches port 2377/tcp of the managers" ;;
    *) echo "the node $1 takes no tasks; \`docker node update --availability active $1\`" ;;
  esac
}

too_few() {
  local host state
  read -r host state < <(nodes | awk '$3 != "Ready:Active" { print $2, $3; exit }') || true
  [ -z "$host" ] || { unusable "$host" "$state" && return; }
  echo "the lab takes two nodes, and this swarm has one; \`docker swarm join-token worker\` prints the command that" \
    "adds another"
}

# Sets the addresses of agents on their nodes' own network.
choose_addresses() {
  local role node variable address
  for role in SENDER RECEIVER; do
    node=COPYCOST_${role}_NODE variable=COPYCOST_${role}_ADDR
    # A manager may tell 0.0.0.0 as its address; the one that it advertises is right.
    address=$(docker node inspect "${!node}" \
      --format '{{if .ManagerStatus}}{{.ManagerStatus.Addr}}{{else}}{{.Status.Addr}}:0{{end}}')
    export "$variable=${!variable:-${address%:*}}"
  done
}

# Packets of the overlay must fit, with VXLAN's headers, into those of the network between the nodes: others are lost
# or cut up. Where the commands are called on another machine than the engine's, that network is not seen.
check_mtu() {
  local node device mtu
  command -v ip >/dev/null || return 0
  [ -n "$(ip -o addr show to "$(docker info --format '{{.Swarm.NodeAddr}}')" 2>/dev/null)" ] || return 0
  for node in "$COPYCOST_SENDER_NODE" "$COPYCOST_RECEIVER_NODE"; do
    device=$(ip -o route get "$(docker node inspect "$node" --format '{{.Status.Addr}}')" 2>/dev/null |
      sed -n 's/.* dev \([^ ]*\).*/\1/p')
    [ "${device:-lo}" != lo ] || continue
    mtu=$(ip -o link show dev "$device" | sed -n 's/.* mtu \([0-9]*\).*/\1/p')
    ((COPYCOST_MTU <= mtu)) || die "COPYCOST_MTU=$COPYCOST_MTU is more than $device carries, which leads to the other" \
      "node; the most that will do is COPYCOST_MTU=$mtu, of which $((mtu - VXLAN)) are the overlay's"
  done
}

# What the stack's services were made with: agent (its address), wire or mtu.
made_with() {
  docker service inspect "${stack}_$1" --format "{{index .Spec.Labels \"copycost.$2\"}}" 2>/dev/null
}

# The newest task of a service comes first.
tasks() {
  docker service ps "${stack}_$1" --no-trunc 2>/dev/null \
    --format '{{.ID}}|{{.Node}}|{{.DesiredState}}|{{.CurrentState}}|{{.Error}}'
}

# Whether an agent runs; by its health check it is also well.
runs() { [[ $(tasks "$1" | sed -n 1p) == *"|Running|Running "* ]]; }

is_up() { [ -f "$COPYCOST_TOKEN_FILE" ] && runs sender && runs receiver; }

# The coordinator's container, or nothing.
coordinator() { docker ps -aq --filter "label=$label" --filter label=copycost.role=coordinator "$@" | sed -n 1p; }

up() {
  local wire=overlay before files=(--compose-file lab/swarm/stack.yaml)
  case ${1:-} in
    "") ;;
    host) wire=nic files+=(--compose-file lab/swarm/host.yaml) ;;
    *) die "\`$1\` is not \`host\`, which means the nodes' own network" ;;
  esac
  need_manager
  if [ -n "$(coordinator --filter status=running)" ]; then
    say "a sweep is running; the lab is left as it is"
    return
  fi
  lock lab/swarm/stack.yaml
  choose_nodes
  if [ "$wire" = nic ]; then choose_addresses; else check_mtu; fi
  docker image inspect "$COPYCOST_IMAGE" >/dev/null 2>&1 || lab/lab.sh image
  before=$(docker stack ps -q "$stack" 2>/dev/null) || true
  if [ -n "$(made_with sender wire)" ]; then
    is_as_ordered "$wire"
  else
    # What does not come up is removed again.
    trap 'remove || true' EXIT
    make_token
  fi
  deploy "${files[@]}"
  await_agents "$before"
  check
  trap - EXIT
}

# Whether the lab that is there can be completed.
is_as_ordered() {
  [ "$(made_with sender wire):$(made_with sender mtu)" = "$1:$COPYCOST_MTU" ] ||
    die "the lab was made with another wire or MTU; first \`just swarm-down\`"
  [ -f "$COPYCOST_TOKEN_FILE" ] ||
    die "the lab was made elsewhere: $COPYCOST_TOKEN_FILE is missing; bring it, or first \`just swarm-down\`"
}

deploy() {
  local said
  COPYCOST_IMAGE_ID=$(docker image inspect --format '{{.Id}}' "$COPYCOST_IMAGE")
  export COPYCOST_IMAGE_ID
  said=$(docker stack deploy --resolve-image never "$@" "$stack" 2>&1) && return
  case $said in
    *"only updates to Labels are allowed"*) die "$(other_token)" ;;
    *) die "$(tail -n 1 <<<"$said")" ;;
  esac
}

other_token() {
  echo "the agents have another token than $COPYCOST_TOKEN_FILE; \`just swarm-down\`, then \`just swarm-up\`" \
    "makes both anew"
}

# Waits until both agents run. What became of tasks that were there before does not count.
await_agents() {
  local role id host error deadline=$((SECONDS + 120))
  for role in sender receiver; do
    until runs "$role"; do
      while IFS='|' read -r id host _ _ error; do
        [ -z "$error" ] || [[ $1 == *"$id"* ]] || die "$(why_no_agent "$role" "$host" "$error")"
      done < <(tasks "$role")
      ((SECONDS < deadline)) || die "the $role did not come up in two minutes; see \`docker service ps ${stack}_$role\`"
      sleep 0.3
    done
  done
}

why_no_agent() {
  case $3 in
    *"No such image"*) echo "the node $2 lacks the image $COPYCOST_IMAGE;" \
      "\`docker save $COPYCOST_IMAGE | ssh $2 docker load\`, or name one that both nodes can pull:" \
      "COPYCOST_IMAGE=REGISTRY/copycost" ;;
    *"no suitable node"*) echo "no node takes the $1 ($3); see \`docker node ls\`" ;;
    *unhealthy*) echo "the $1 on $2 does not answer its health check; see \`docker service logs ${stack}_$1\`" ;;
    *"non-zero exit"*) echo "the $1 on $2: $(docker service logs --raw --tail 1 "${stack}_$1" 2>&1 | tail -n 1)" ;;
    *) echo "the $1 on $2: $3" ;;
  esac
}

# Asks both agents, and sends a few messages from one to the other. All nodes know a name after a moment.
check() {
  local id said passed='' deadline=$((SECONDS + 8))
  until [ -n "$passed" ]; do
    id=$(container check doctor)
    said=$(docker start --attach "$id" 2>&1) && passed=yes
    docker rm --force --volumes "$id" >/dev/null
    [ -n "$passed" ] || ((SECONDS < deadline)) || die "$(why_no_way "$said")"
  done
}

why_no_way() {
  local overlay=overlay
  [ "$(made_with sender wire)" != nic ] || overlay=
  case ${overlay:-host}:$1 in
    *"the token is not"*) other_token ;;
    overlay:*"no such address"*) echo "one node does not know the names of the other; open port 7946, tcp and udp," \
      "between the nodes" ;;
    overlay:*"cannot be reached"* | overlay:*"o route to host"*) echo "the agents run, but the overlay" \
      "carries nothing between the nodes; open ports 4789/udp and 7946, tcp and udp, between them" ;;
    overlay:*shortfall*) echo "the agents answer, but payload does not come through: $(shortfall "$1"); open" \
      "port 4789/udp between the nodes, or lower COPYCOST_MTU, now $COPYCOST_MTU, to the MTU of the network there" ;;
    host:*"cannot be reached"* | host:*shortfall*) echo "the agents run, but cannot be reached; open port" \
      "${COPYCOST_PORT:-7010}/tcp on both nodes, and ${COPYCOST_DATA_PORT:-7011}/tcp on the sender's" ;;
    *) tail -n 1 <<<"$1" ;;
  esac
}

# What `doctor` says that payload met.
shortfall() { sed -n 's/^shortfall *payload *//p' <<<"$1" | sed -n 1p; }

# Makes a container of this node that reaches the agents: `container ROLE ARGUMENTS...`, with the program's arguments.
# It gets the token as a file of its own, and keeps the runs that it makes.
container() {
  local id name network=${stack}_default wire=overlay
  if [ "$(made_with sender wire)" = nic ]; then network=host wire=${COPYCOST_WIRE:-}; fi
  if [ "$1" = coordinator ]; then name=$stack-swarm-coordinator; fi
  id=$(docker create ${name:+--name "$name"} --label "$label" --label "copycost.role=$1" --network "$network" \
    --interactive --init --read-only --cap-drop ALL --security-opt no-new-privileges:true --volume /results --volume /run/secrets \
    "$COPYCOST_IMAGE" "${@:2}" --sender "$(made_with sender agent)" --receiver "$(made_with receiver agent)" \
    ${wire:+--wire "$wire"} --token-file /run/secrets/token) || return
  docker cp "$COPYCOST_TOKEN_FILE" "$id:/run/secrets/token" >/dev/null 2>&1 || return
  echo "$id"
}

# Runs the coordinator: `run RUN ARGUMENTS...` with a grid on standard input, and the run to resume or nothing.
# Whatever becomes of the sweep, its rows are collected.
run() {
  local id code=0 before
  need_manager
  id=$(coordinator --filter status=running)
  [ -z "$id" ] || die "a sweep is running in this lab; wait for it, or end it: \`docker stop ${id:0:12}\`"
  is_up || (up "$(mode)")
  gather
  id=$(container coordinator sweep "${@:2}" --results results 2>/dev/null) ||
    die "the coordinator's container cannot be made: another sweep may just begin; else \`just swarm-down\` helps"
  [ -z "$1" ] || docker cp "$1" "$id:/results/" >/dev/null 2>&1
  before=$(readlink results/latest || true)
  conduct "$id" || code=$?
  gather
  [ "$code" != 1 ] || [ "$before" = "$(readlink results/latest || true)" ] ||
    say "resume an interrupted run with \`just swarm-resume results/latest\`"
  return "$code"
}

# Runs a coordinator to its end, and passes on each interruption. The client has a session of its own, out of a
# terminal's reach: some versions leave at Ctrl-C without waiting for the container.
conduct() {
  local client code=0
  # shellcheck disable=SC2064 # this container
  trap "docker kill --signal INT $1 >/dev/null 2>&1" INT TERM HUP
  setsid docker start --attach --interactive "$1" <&0 &
  client=$!
  while kill -0 "$client" 2>/dev/null; do
    code=0
    wait "$client" || code=$?
  done
  trap - INT TERM HUP
  [ "$(docker inspect --format '{{.State.Status}}' "$1")" = created ] || code=$(docker wait "$1")
  return "$code"
}

# The word for `up` that makes the lab as it is.
mode() { [ "$(made_with sender wire)" != nic ] || echo host; }

# Runs a grid, a file or a built-in name, with further flags of `copycost sweep`.
sweep() {
  local grid=${1:-quick}
  if [ -f "$grid" ]; then run "" - "${@:2}" <"$grid"; else run "" "$grid" "${@:2}" </dev/null; fi
}

# Resumes a run that was interrupted: its directory goes back to a coordinator.
resume() {
  local base
  is_run "$1"
  # What the name `latest` leads to.
  base=$(cd -P -- "$1" && pwd)
  run "$base" --resume "results/${base##*/}" </dev/null
}

# Copies the runs of coordinators that have ended to results/, and removes those.
gather() (
  lock lab/swarm/stack.yaml
  for id in $(docker ps -aq --filter "label=$label" --filter label=copycost.role=coordinator \
    --filter status=exited --filter status=dead); do
    copy_out "$id" || die "a run could not be copied to results/; free some space, then \`lab/swarm/swarm.sh collect\`"
    docker rm --volumes "$id" >/dev/null
    link_latest
  done
)

collect() {
  need_docker
  [ -n "$(coordinator)" ] || die "nothing is left to collect: every sweep brings its own run home"
  gather
}

status() {
  local role host state line='%-10s %-24s %s\n'
  need_manager
  if [ -z "$(made_with sender wire)" ]; then
    echo "no lab; \`just swarm-up\` makes it"
    return
  fi
  # shellcheck disable=SC2059 # one format for the head and the rows
  printf "$line" role node state
  for role in sender receiver; do
    IFS='|' read -r _ host _ state _ < <(tasks "$role")
    # shellcheck disable=SC2059
    printf "$line" "$role" "$host" "$state"
  done
  is_up || die "it cannot measure as it is; \`just swarm-up\` repairs it"
}

# Removes the lab. A run that was not collected yet is collected first.
down() {
  local running
  need_docker
  [[ ${1:-} == @(|force|discard) ]] || die "\`${1}\` is neither force nor discard"
  running=$(coordinator --filter status=running)
  [ -z "$running" ] || [[ ${1:-} == @(force|discard) ]] || may_end_sweep swarm-down
  [ -z "$running" ] || docker stop --time 20 "$running" >/dev/null
  [ "${1:-}" = discard ] || (gather) || die "so the lab is left; give the run up with \`just swarm-down discard\`"
  lock lab/swarm/stack.yaml
  remove
}

# Removes what is the lab's; services end after they are said to be gone.
remove() {
  local containers left=100
  containers=$(docker ps -aq --filter "label=$label")
  [ -z "$containers" ] || xargs docker rm --force --volumes >/dev/null <<<"$containers"
  case $(membership) in
    active:true) while remains; do
      ((left--)) || die "not all of the lab can be removed; \`docker stack ps $stack\` shows what is left, and where"
      docker stack rm "$stack" >/dev/null 2>&1 || true
      sleep 0.3
    done ;;
    active:*) need_manager ;;
  esac
  rm -rf "${COPYCOST_TOKEN_FILE%/*}"
  rmdir .lab 2>/dev/null || true
}

# Whether anything of the stack is left, as a manager sees it.
remains() {
  local kind of="label=com.docker.stack.namespace=$stack"
  for kind in service network secret; do
    [ -z "$(docker "$kind" ls -q --filter "$of")" ] || return 0
  done
  # A task is gone for the manager before its container is gone from the node.
  [ -n "$(docker stack ps -q "$stack" 2>/dev/null)$(docker ps -aq --filter "$of")" ]
}

case ${1:-} in
  up | status | sweep | resume | collect | down) "$@" ;;
  *) die "\`${1:-}\` is not a verb of the Swarm lab; see the head of lab/swarm/swarm.sh" ;;
esac
