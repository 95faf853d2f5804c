#!/usr/bin/env bash
# Stands for kubectl in tests of the lab's script. What the cluster says lies in files of $CLUSTER.
set -u
cd "$CLUSTER" || exit
echo "$*" >>calls
complain() {
  [ -f "$1" ] || return 0
  cat "$1" >&2
  exit 1
}
# Namespace, agents, or a sweep come to be.
apply() {
  complain apply
  echo copycost=copycost >namespace
  [[ $1 != */sweep ]] || touch job
}
coordinator() {
  [ -f job ] || return 0
  if [ -f runs-until-deleted ]; then echo "coordinator-1|node-c|Running||"; else echo "coordinator-1|node-c|Running|$(cat code)|"; fi
}
delete() {
  case " $* " in
    *" pod "*) rm -f runs-until-deleted ;;
    *" job "*) rm -f job ;;
    *" namespace "*) rm -f namespace ;;
  esac
}
export_run() {
  if [ -f no-files ]; then
    echo "copycost: /results has no files; name the directory of a run" >&2
    exit 1
  elif [ -f cut ]; then
    rm cut
    "$COPYCOST" export results | head -c 100000
  else
    "$COPYCOST" export results
  fi
}
case " $* " in
  *" get namespaces "*) complain refused ;;
  *" get namespace "*) [ ! -f namespace ] || cat namespace ;;
  *" apply "*) apply "${@: -1}" ;;
  *" get deployments "*ReplicaFailure*) [ ! -f failures ] || cat failures ;;
  *" get deployments "*) cat deployments ;;
  *" get jobs "*) ;;
  *" get pods "*coordinator*exitCode*) coordinator ;;
  *" get pods "*) [ ! -f pods ] || cat pods ;;
  *" logs "*coordinator*)
    cat log
    echo
    while [ -f runs-until-deleted ]; do sleep 0.1; done
    ;;
  *" logs "*) echo "the agent's last word" ;;
  *" exec "*) export_run ;;
  *" delete "*) delete "$@" ;;
esac
exit 0
