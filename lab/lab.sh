#!/usr/bin/env bash
# The container lab. The recipes of the Justfile call one verb each; without `just`, call them here.
#
#   lab/lab.sh image [prebuilt|source]     up [privileged]     status     doctor     collect     down [force|discard|all]
#   lab/lab.sh sweep [GRID [FLAG ...]]               resume RUN          reproduce RUN         tool VERB ...
#
# Everything that is made carries the label copycost.lab=<project>; `down` goes by that label alone, so it needs
# neither Compose nor the settings that the lab was made with.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. lab/common.sh

export COMPOSE_PROJECT_NAME=${COMPOSE_PROJECT_NAME:-copycost}
export COPYCOST_IMAGE=${COPYCOST_IMAGE:-copycost:local}
project=$COMPOSE_PROJECT_NAME
label=copycost.lab=$project
state=$PWD/.lab/$project
volume=${project}_results
export COPYCOST_TOKEN_FILE=$state/token
if [ -z "${COPYCOST_NET:-}" ]; then
  # A lab of another name gets another range: one of 198.18.1.0/24 to 198.18.254.0/24, by its name.
  COPYCOST_NET=198.18.0
  if [ "$project" != copycost ]; then
    COPYCOST_NET=198.18.$(($(printf %s "$project" | cksum | cut -d ' ' -f 1) % 254 + 1))
  fi
fi
export COPYCOST_NET

compose() {
  if docker compose version >/dev/null 2>&1; then
    docker compose "$@"
  elif command -v docker-compose >/dev/null; then
    docker-compose "$@"
  else
    echo "Compose is not installed; install the plugin (docker-compose-v2 or docker-compose-plugin) or docker-compose"
    return 1
  fi
}

# The lab's container with this role: its id, or nothing.
container() { docker ps -aq --filter "label=$label" --filter "label=copycost.role=$1" "${@:2}" | sed -n 1p; }

image() {
  local how=${1:-auto} version revision old
  need_docker
  if [ "$how" = auto ]; then
    how=source
    if [ "$(uname -s)" = Linux ] && command -v cargo >/dev/null; then
      if build; then how=prebuilt; else echo "the program does not build here; Docker builds it from source" >&2; fi
    fi
  fi
  version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
  revision=$(revision)
  set -- --build-arg "VERSION=$version" --build-arg "REVISION=$revision" --tag "$COPYCOST_IMAGE"
  case $how in
    prebuilt)
      build
      mkdir -p target/image
      cp -f "$(binary)" target/image/copycost
      set -- "$@" --target prebuilt --build-arg BINARY=target/image/copycost
      ;;
    source) ;;
    *) die "\`$how\` is neither prebuilt nor source" ;;
  esac
  # An image that this one takes the name of is of no more use.
  old=$(docker image inspect --format '{{.Id}}' "$COPYCOST_IMAGE" 2>/dev/null) || old=
  docker build "$@" . >&2
  [ -z "$old" ] || [ "$old" = "$(docker image inspect --format '{{.Id}}' "$COPYCOST_IMAGE")" ] ||
    docker image rm "$old" >/dev/null 2>&1 || true
}

# The revision of the sources, as the image is marked with it.
revision() { git describe --always --abbrev=40 --exclude '*' --dirty 2>/dev/null || true; }

build() { cargo build --release --locked; }

# Where `cargo build --release` leaves the program.
binary() { echo "${CARGO_TARGET_DIR:-target}/$(rustc -vV | sed -n 's/^host: //p')/release/copycost"; }

# Both agents are well, and the pair stands; where only the pair is missing, it is made. A lab that is
# measuring is not disturbed to find out.
is_up() {
  local role link
  [ -z "$(container coordinator)" ] || return 0
  [ -f "$COPYCOST_TOKEN_FILE" ] || return 1
  for role in sender receiver; do
    [ -n "$(container "$role" --filter health=healthy)" ] || return 1
  done
  link=$(container link)
  [ -n "$link" ] && docker start --attach "$link" >/dev/null 2>&1
}

up() {
  local said link sender
  need_docker
  docker image inspect "$COPYCOST_IMAGE" >/dev/null 2>&1 || image
  if [ -n "$(container coordinator)" ]; then
    say "a sweep is running; the lab is left as it is"
    return
  fi
  lock compose.yaml
  sender=$(container sender)
  if [ "${1:-}" = privileged ] || { [ -n "$sender" ] &&
    [ "$(docker inspect --format '{{.HostConfig.Privileged}}' "$sender")" = true ]; }; then
    export COMPOSE_FILE=compose.yaml:lab/compose.privileged.yaml
  fi
  set -- up --detach --remove-orphans
  if ! [ -f "$COPYCOST_TOKEN_FILE" ]; then
    # Agents that run with another token are of no use any more.
    set -- "$@" --force-recreate
    make_token
  fi
  COPYCOST_IMAGE_ID=$(docker image inspect --format '{{.Id}}' "$COPYCOST_IMAGE")
  export COPYCOST_IMAGE_ID
  said=$(compose "$@" 2>&1) || die "$(reason "$said")"
  link=$(container link)
  if [ "$(docker wait "$link")" != 0 ]; then
    die "$(reason "$(docker logs "$link" 2>&1)")"
  fi
}

# Why the lab could not be made, and what to do, from what was complained.
reason() {
  case $1 in
    *verlap*) echo "the addresses $COPYCOST_NET.0/24 are taken by another network; choose others:" \
      "\`COPYCOST_NET=198.18.77 just lab-up\`" ;;
    *"needs to be recreated"*) echo "the lab was made with other settings; first \`just lab-down\`" ;;
    *"no space left"*) echo "the disk is full; \`docker system df\` shows what Docker holds" ;;
    *unhealthy*) echo "an agent does not answer: $(docker logs "$(container sender)" 2>&1 | tail -n 1)" ;;
    *[Cc]apabilit* | *"peration not permitted"*)
      local said
      said=$(grep -m 1 -E '[Cc]apabilit|peration not permitted' <<<"$1")
      if [[ ${COMPOSE_FILE:-} == *privileged* ]]; then
        echo "the host refuses privileged containers ($said); \`just lab-up\` asks for named rights only"
      else
        echo "the host refuses a right that the agents need ($said); try \`just lab-up privileged\`"
      fi
      ;;
    *) tail -n 1 <<<"$1" ;;
  esac
}

status() {
  need_docker
  if [ -z "$(docker ps -aq --filter "label=$label")" ]; then
    echo "no lab; \`just lab-up\` makes it"
    return
  fi
  local role state image line='%-12s %-34s %s\n'
  # shellcheck disable=SC2059 # one format for the head and the rows
  printf "$line" role status image
  docker ps -a --filter "label=$label" --format '{{.Label "copycost.role"}}|{{.Status}}|{{.Image}}' |
    while IFS='|' read -r role state image; do
      # The service that joins the two ends is through once they are.
      [[ $role != link || $state != "Exited (0)"* ]] || state=made
      # shellcheck disable=SC2059
      printf "$line" "$role" "$state" "$image"
    done
  is_up || die "it cannot measure as it is; \`just lab-up\` repairs it"
}

# Runs the coordinator: `run ARGUMENTS...` with a grid or a manifest on standard input. Whatever becomes of the
# sweep, its rows are collected.
run() {
  local code=0 running
  need_docker
  running=$(container coordinator)
  [ -z "$running" ] || die "a sweep is running in this lab; wait for it, or end it: \`docker stop ${running:0:12}\`"
  is_up || (up)
  docker run --rm --interactive --init --name "$project-coordinator" \
    --label "$label" --label copycost.role=coordinator \
    --network "${project}_lab" --volume "$volume:/results" \
    --mount "type=bind,source=$COPYCOST_TOKEN_FILE,target=/run/secrets/token,readonly" \
    --read-only --cap-drop ALL --security-opt no-new-privileges:true \
    "$COPYCOST_IMAGE" sweep "$@" --results results --sender sender:7010 --receiver receiver:7010 \
    --token-file /run/secrets/token --wire veth=198.19.0.1 --wire bridge || code=$?
  collect
  [ "$code" != 1 ] || say "resume an interrupted run with \`just resume results/latest\`"
  return "$code"
}

# Runs a grid, a file or a built-in name, with further flags of `copycost sweep`.
sweep() {
  local grid=${1:-quick}
  if [ -f "$grid" ]; then run - "${@:2}" <"$grid"; else run "$grid" "${@:2}" </dev/null; fi
}

# Resumes a run that was interrupted: its directory goes back into the lab's volume.
resume() {
  is_run "$1"
  need_docker
  is_up || (up)
  with_volume copy_in "${1%/}"
  run --resume "results/$(basename "$1")" </dev/null
}

# Runs the grid of a run again, with its seed, and says what differs.
reproduce() {
  local base code=0
  is_run "${1%/}"
  # `latest` will lead to the new run.
  base=$(cd -P -- "$1" && pwd)
  base=${base#"$PWD"/}
  run --reproduce - <"$base/manifest.json" || code=$?
  tool compare "$base" results/latest
  return "$code"
}

# Calls a function with the id of a container that has the lab's volume and never runs.
with_volume() {
  local id code=0
  id=$(docker create --label "$label" --volume "$volume:/results" "$COPYCOST_IMAGE")
  "$1" "$id" "${@:2}" || code=$?
  docker rm --volumes "$id" >/dev/null
  return "$code"
}
copy_in() { docker cp "$2" "$1:/results/"; }

# Copies every run from the lab's volume to results/, as files of the caller.
collect() {
  need_docker
  docker volume inspect "$volume" >/dev/null 2>&1 || die "no lab, so there is nothing to collect"
  with_volume copy_out || die "the runs could not be copied to results/"
  link_latest
}

# Runs the program on files of this host: the one built here, or the image's.
tool() {
  local program
  if command -v rustc >/dev/null && program=$(binary) && [ -x "$program" ]; then
    "$program" "$@"
  else
    docker run --rm --init --network none --user "$(id -u):$(id -g)" --volume "$PWD/results:/results" \
      "$COPYCOST_IMAGE" "$@"
  fi
}

doctor() {
  local sender
  need_docker
  sender=$(container sender --filter status=running)
  [ -n "$sender" ] || die "the lab is down; \`just lab-up\`, then ask again what its containers can do"
  docker exec "$sender" /copycost doctor --results /results
}

# Removes the lab, with `all` the image too. Runs that were not collected yet are collected first.
down() {
  need_docker
  case ${1:-} in
    "" | force | discard | all) ;;
    *) die "\`${1}\` is none of force, discard, all" ;;
  esac
  [[ ${1:-} == @(force|discard) ]] || [ -z "$(container coordinator --filter status=running)" ] || may_end_sweep lab-down
  lock compose.yaml
  if [ "${1:-}" != discard ] && docker volume inspect "$volume" >/dev/null 2>&1; then
    (collect) || die "the runs in the lab could not be collected, so it is left; free some space, or give them" \
      "up with \`just lab-down discard\`"
  fi
  # Once more while anything was found: a command that was killed may have left the daemon a last order.
  local left=20
  while remove_all; do
    ((left--)) || die "something of the lab cannot be removed; see above"
    sleep 0.3
  done
  rm -rf "$state"
  rmdir "${state%/*}" 2>/dev/null || true
  docker image inspect "$COPYCOST_IMAGE" >/dev/null 2>&1 || return 0
  if [ "${1:-}" = all ]; then
    docker image rm "$COPYCOST_IMAGE" >/dev/null
  else
    say "the image $COPYCOST_IMAGE stays; \`just lab-down all\` removes it too"
  fi
}

# Removes what carries the label; fails when there was nothing.
remove_all() {
  local containers networks volumes
  containers=$(docker ps -aq --filter "label=$label")
  [ -z "$containers" ] || xargs docker rm --force --volumes >/dev/null <<<"$containers"
  networks=$(docker network ls -q --filter "label=$label")
  [ -z "$networks" ] || xargs docker network rm >/dev/null <<<"$networks"
  volumes=$(docker volume ls -q --filter "label=$label")
  [ -z "$volumes" ] || xargs docker volume rm >/dev/null <<<"$volumes"
  [ -n "$containers$networks$volumes" ]
}

case ${1:-} in
  image | up | status | doctor | sweep | resume | reproduce | collect | tool | down | build | binary) "$@" ;;
  *) die "\`${1:-}\` is not a verb of the lab; see the head of lab/lab.sh" ;;
esac
