#!/usr/bin/env bash
# The newest run as Markdown for the summary of a job: its report where it has one, else the table that the sweep
# printed, which is in the file $1.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
if [ -f results/latest/report.md ]; then
  cat results/latest/report.md
elif [ -f "$1" ]; then
  echo '```text'
  cat "$1"
  echo '```'
fi
