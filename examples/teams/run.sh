#!/usr/bin/env bash
# The main job from nothing: makes the phone system, previews, syncs, and syncs again, which finds nothing to do.
# Everything stays in this folder (`office.db`, `.state`); delete both to begin again.
set -euo pipefail
cd "$(dirname "$0")"
export ROLLCALL_STATE="$PWD/.state"
rollcall() {
  printf '\n$ rollcall %s\n' "$*"
  cargo run --quiet --package rollcall --bin rollcall -- "$@"
}
[ -e office.db ] || rollcall office init office.db --from office.toml
rollcall preview
rollcall sync --yes
rollcall sync --yes
