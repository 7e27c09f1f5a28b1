#!/usr/bin/env bash
# DVC makes no stage for a key of a foreach mapping that is a number or a boolean, where the mapping is in params.yaml.
#
# Versions: dvc 3.67.1, ruamel.yaml 0.19.1.
# Guess: `foreach: ${cases}` makes one stage for each key of the mapping `cases` of params.yaml, as it does where the
#   same mapping is written out in dvc.yaml.
# Seen: of the keys 10, 0.5, true, "20" and x the mapping in dvc.yaml makes five stages. The same lines in params.yaml
#   make two, of "20" and x. `dvc repro` and `dvc status` say nothing of the other three. With number keys alone there
#   is no stage, and `dvc repro` says that all is up to date and returns 0. (Keys that are no strings are left out when
#   parameters are taken in for `${...}`.)
# Why it matters: mappings by a count of labels, a seed or a rate are usual in such pipelines. Moving one from dvc.yaml
#   to params.yaml loses its experiments without a word. Write the keys in quotes.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet dvc==3.67.1 ruamel.yaml==0.19.1

# neither settings of this user nor a look for updates
export HOME="$work" DVC_SITE_CACHE_DIR="$work/site" DVC_NO_ANALYTICS=1 PATH="$work/venv/bin:$PATH"
mkdir "$work/repo" && cd "$work/repo"
dvc init --no-scm -q
dvc config core.check_update false

# made TITLE: what dvc repro makes, returns and says at the end
made() {
    rm -f ./*.txt dvc.lock
    local status=0
    dvc repro >"$work/repro.log" 2>&1 || status=$?
    echo "$1: $(find . -maxdepth 1 -name '*.txt' -printf '%f\n' | LC_ALL=C sort | tr '\n' ' ')returns $status"
    if grep -iE 'warn|ignor|skipping key' "$work/repro.log"; then echo "$1: it says so"; fi
    if grep -q 'up to date' "$work/repro.log"; then echo "$1: up to date"; fi
}

do_block=$'    do:\n      cmd: echo ${item} > ${key}.txt\n      outs: ["${key}.txt"]'
expected='in dvc.yaml: 0.5.txt 10.txt 20.txt true.txt x.txt returns 0
in params.yaml: 20.txt x.txt returns 0
numbers alone: returns 0
numbers alone: up to date
in quotes: 0.5.txt 10.txt returns 0'
seen=$(
    printf '%s\n' 'stages:' '  train:' '    foreach: {10: a, 0.5: b, true: c, "20": d, x: e}' "$do_block" >dvc.yaml
    made "in dvc.yaml"
    printf '%s\n' 'stages:' '  train:' '    foreach: ${cases}' "$do_block" >dvc.yaml
    echo 'cases: {10: a, 0.5: b, true: c, "20": d, x: e}' >params.yaml
    made "in params.yaml"
    echo 'cases: {10: a, 0.5: b}' >params.yaml
    made "numbers alone"
    echo 'cases: {"10": a, "0.5": b}' >params.yaml
    made "in quotes"
)
echo "$seen"
if [ "$seen" != "$expected" ]; then
    echo "changed: these were the lines"
    echo "$expected"
    exit 1
fi
