#!/usr/bin/env bash
# `dvc exp run --set-param` takes the quotes off other parameters, and PyYAML then reads other values than DVC does.
#
# Versions: dvc 3.67.1, ruamel.yaml 0.19.1, PyYAML 6.0.3.
# Guess: `dvc exp run -S seed=2` changes seed in params.yaml and leaves what else the file says as it was, for any
#   reader of YAML.
# Seen: DVC writes the whole file anew by the rules of YAML 1.2, in which no, yes, on and 1:30 are strings and need no
#   quotes. PyYAML reads by YAML 1.1: the strings 'no', 'yes' and 'on' are then False, True and True, and the string
#   '1:30' is the number 90. Before the command both read the same. '0123' and '2024-01-01' keep their quotes, and
#   comments stay.
# Why it matters: the code of a DVC stage commonly reads params.yaml by PyYAML's safe_load. The override of one
#   parameter then changes others that nobody named, and DVC, which compares by its own reading, reports no change of
#   them. Read params.yaml by dvc.api.params_show or ruamel.yaml, or choose words that YAML 1.1 takes for strings too.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet dvc==3.67.1 ruamel.yaml==0.19.1 PyYAML==6.0.3

# neither settings of this user nor a look for updates
export HOME="$work" DVC_SITE_CACHE_DIR="$work/site" DVC_NO_ANALYTICS=1 PATH="$work/venv/bin:$PATH"
mkdir "$work/repo" && cd "$work/repo"
git init -q
git config user.name "A Name"
git config user.email name@example.org
dvc init -q
dvc config core.check_update false
cat >params.yaml <<'YAML'
seed: 1
answer: 'no' # a comment
other: 'yes'
light: "on"
pause: '1:30'
code: '0123'
day: '2024-01-01'
YAML
printf '%s\n' 'stages:' '  make:' '    cmd: echo made > out.txt' '    params: [seed]' '    outs: [out.txt]' >dvc.yaml
git add --all
git commit -q -m "Begin"

# both: the values as DVC and as PyYAML read them
both() {
    python - <<'PYTHON'
import dvc.api
import yaml

print("DVC:   ", list(dvc.api.params_show("params.yaml").values()))
with open("params.yaml") as file:
    print("PyYAML:", list(yaml.safe_load(file).values()))
PYTHON
}

expected="before
DVC:    [1, 'no', 'yes', 'on', '1:30', '0123', '2024-01-01']
PyYAML: [1, 'no', 'yes', 'on', '1:30', '0123', '2024-01-01']
after
DVC:    [2, 'no', 'yes', 'on', '1:30', '0123', '2024-01-01']
PyYAML: [2, False, True, True, 90, '0123', '2024-01-01']
answer: no   # a comment"
seen=$(
    echo before
    both
    dvc exp run -q -S seed=2 >"$work/run.log" 2>&1
    echo after
    both
    grep answer params.yaml
)
echo "$seen"
if [ "$seen" != "$expected" ]; then
    echo "changed: these were the lines"
    echo "$expected"
    exit 1
fi
