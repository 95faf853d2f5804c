# What the labs' scripts share; they source it from the top directory of the repository.
# shellcheck shell=bash

say() { echo "copycost lab: $*" >&2; }
die() {
  say "$@"
  exit 1
}

# Is there a daemon that does what we ask? In one sentence if not.
need_docker() {
  local said
  command -v docker >/dev/null || die "Docker is not installed; install Docker Engine, or use the labs" \
    "that need none: \`copycost sweep\`"
  said=$(docker version --format '{{.Server.Version}}' 2>&1) && return
  case $said in
    *"permission denied"*) die "you may not use Docker's socket: \`sudo usermod -aG docker $(id -un)\`," \
      "then log in again" ;;
    *) die "the Docker daemon does not answer: \`sudo systemctl start docker\`" ;;
  esac
}

# Commands that make or remove a lab wait for each other, by its file. What they start inherits the lock: a command
# that was killed holds it until its last child has ended.
lock() {
  exec 9<"$1"
  if command -v flock >/dev/null; then
    flock -w 60 9 || die "another lab command has been at work for a minute; end it, then try again"
  fi
}

# Only the caller can reach the token's directory. In the container, root without any right over files reads it.
make_token() {
  mkdir -p "${COPYCOST_TOKEN_FILE%/*}"
  chmod 700 "${COPYCOST_TOKEN_FILE%/*}"
  head -c 32 /dev/urandom | base64 >"$COPYCOST_TOKEN_FILE"
  chmod 444 "$COPYCOST_TOKEN_FILE"
}

is_run() { [ -f "$1/manifest.json" ] || die "$1 is not a run; give its directory under results/"; }

# Copies every run in a container's /results to results/, as files of the caller.
copy_out() {
  mkdir -p results
  docker cp "$1:/results/." - | tar -x -C results --no-same-owner --exclude ./latest
}

link_latest() {
  local newest
  newest=$(find results -mindepth 1 -maxdepth 1 -type d -name '2*Z-*' | sort | tail -n 1)
  [ -z "$newest" ] || ln -sfn "$(basename "$newest")" results/latest
}

# Whether a sweep that is running may be ended by this recipe: whoever is at the terminal is asked.
may_end_sweep() {
  local answer
  [ -t 0 ] || die "a sweep is running; wait for it, or end it with \`just $1 force\`"
  read -r -p "A sweep is running. End it and remove the lab? [y/N] " answer
  [[ $answer == [yY]* ]] || die "the lab is left as it is"
}
