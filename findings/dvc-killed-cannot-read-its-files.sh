#!/usr/bin/env bash
# DVC that is stopped while it writes .dvc/tmp/rwlock or dvc.lock can't read them afterwards, and no later command works.
#
# Versions: dvc 3.67.1.
# Guess: a `dvc repro` that was killed, or whose disk was full, can be run again. DVC moves what it puts into its cache
#   into place when it is whole, and forgets locks whose process has gone.
# Seen: both files are opened with "w" and written in place. Here an error, as of a full disk, comes from the first
#   thing that writes to them; SIGKILL at that moment leaves the same empty files. Afterwards `dvc repro` and
#   `dvc status` fail: "Unable to read RWLock-file '.dvc/tmp/rwlock'. JSON structure is corrupted", or
#   "'./dvc.lock' validation failed". So it is until somebody removes the file by hand; then all is as it was, and no
#   stage runs again. rwlock is written twice for each stage that DVC looks at, also where all is up to date.
# Why it matters: machines are preempted, and run out of memory. What restarts `dvc repro` by itself must remove an
#   rwlock that is no JSON first, and a dvc.lock that is no YAML of the form; the cache of runs has what it held.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet dvc==3.67.1

# neither settings of this user nor a look for updates
export HOME="$work" DVC_SITE_CACHE_DIR="$work/site" DVC_NO_ANALYTICS=1 PATH="$work/venv/bin:$PATH"
mkdir "$work/repo" && cd "$work/repo"
dvc init --no-scm -q
dvc config core.check_update false
echo 1 >in
printf '%s\n' 'stages:' '  copy:' '    cmd: cp in out' '    deps: [in]' '    outs: [out]' >dvc.yaml

# stopped FILE: dvc repro in which the first thing that writes to that file raises
stopped() {
    python - "$1" >/dev/null 2>&1 <<'PYTHON' || true
import errno, json, sys
from dvc.cli import main
from dvc.utils.serialize import _yaml

def unless_full(dump):
    def dumped(data, stream, **options):
        if stream.name.endswith(sys.argv[1]):
            raise OSError(errno.ENOSPC, "No space left on device")
        return dump(data, stream, **options)
    return dumped

json.dump, _yaml._dump = unless_full(json.dump), unless_full(_yaml._dump)
main(["repro"])
PYTHON
}

# later WHAT: what later commands say and return
lines="Unable to read RWLock-file.*corrupted|'./dvc.lock' validation failed|Stage '.*' is cached|.*up to date"
later() {
    local command status
    for command in repro status; do
        status=0
        dvc "$command" >"$work/said" 2>&1 || status=$?
        echo "$1, dvc $command: returns $status: $(grep -oE "$lines" "$work/said" | head -1)"
    done
}

expected="rwlock has 0 bytes
rwlock, dvc repro: returns 255: Unable to read RWLock-file '.dvc/tmp/rwlock'. JSON structure is corrupted
rwlock, dvc status: returns 1: Unable to read RWLock-file '.dvc/tmp/rwlock'. JSON structure is corrupted
rwlock removed, dvc repro: returns 0: Data and pipelines are up to date
rwlock removed, dvc status: returns 0: Data and pipelines are up to date
dvc.lock has 0 bytes
dvc.lock, dvc repro: returns 255: './dvc.lock' validation failed
dvc.lock, dvc status: returns 1: './dvc.lock' validation failed
dvc.lock removed, dvc repro: returns 0: Stage 'copy' is cached
dvc.lock removed, dvc status: returns 0: Data and pipelines are up to date"
seen=$(
    dvc repro -q
    stopped /rwlock
    echo "rwlock has $(wc -c <.dvc/tmp/rwlock) bytes"
    later rwlock
    rm .dvc/tmp/rwlock
    later "rwlock removed"
    echo 2 >in
    stopped dvc.lock
    echo "dvc.lock has $(wc -c <dvc.lock) bytes"
    later dvc.lock
    rm dvc.lock
    later "dvc.lock removed"
)
echo "$seen"
if [ "$seen" != "$expected" ]; then
    echo "changed: these were the lines"
    echo "$expected"
    exit 1
fi
