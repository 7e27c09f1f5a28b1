#!/usr/bin/env bash
# DVC's run cache takes two runs for the same when they differ only in a parameter named `size` or `nfiles`.
#
# Versions: dvc 3.67.1, dvc-data 3.18.3.
# Guess: a stage that declares the section `image` of params.yaml is run anew when any value in the section changes;
#   the run cache gives an output back only for the very values that it was made with.
# Seen: `dvc status` names the change of image.crop.size, but `dvc repro` then finds the stage "cached", brings back
#   the output of the old value and writes the new value beside it in dvc.lock. From then on `dvc status` says that all
#   is up to date. The same holds for image.nfiles. A change of image.width runs the stage, and so does one of a
#   parameter declared by its full name, image.crop.size. (The key of the run cache leaves out `size` and `nfiles`,
#   which describe files in dvc.lock, at any depth, and so in the parameters too.)
# Why it matters: an image size is a common parameter. A comparison of sizes then compares an output with itself, and
#   dvc.lock, the record of what was run, says otherwise. Declare such a parameter by its full name, rename it, or use
#   `dvc repro --no-run-cache`.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet dvc==3.67.1 dvc-data==3.18.3

# neither settings of this user nor a look for updates
export HOME="$work" DVC_SITE_CACHE_DIR="$work/site" DVC_NO_ANALYTICS=1 PATH="$work/venv/bin:$PATH"

# declared SECTION FIRST SECOND: is the stage run, and what is its output, when params.yaml goes from FIRST to SECOND?
declared() {
    rm -rf "$work/repo" && mkdir "$work/repo" && cd "$work/repo"
    dvc init --no-scm -q
    dvc config core.check_update false
    echo "code" >code.txt
    printf '%s\n' 'stages:' '  make:' '    cmd: cp params.yaml out.txt' '    deps: [code.txt]' \
        "    params: [$1]" '    outs: [out.txt]' >dvc.yaml
    echo "$2" >params.yaml
    dvc repro -q
    echo "$3" >params.yaml
    # the files are read when DVC is done, so that no pipe is closed early
    dvc status >status.txt
    dvc repro >repro.txt 2>&1
    dvc status >after.txt
    local noticed=unnoticed ran=run output=new lock=other
    if grep -q 'modified' status.txt; then noticed=noticed; fi
    if grep -q 'is cached - skipping run' repro.txt; then ran=skipped; fi
    if grep -qF "$2" out.txt; then output=old; fi
    if grep -q 'up to date' after.txt; then lock=agrees; fi
    echo "$1 ($2 -> $3): change $noticed, stage $ran, output $output, dvc.lock $lock"
}

expected='image (image: {width: 1, crop: {size: 8}} -> image: {width: 1, crop: {size: 16}}): change noticed, stage skipped, output old, dvc.lock agrees
image (image: {width: 1, nfiles: 8} -> image: {width: 1, nfiles: 16}): change noticed, stage skipped, output old, dvc.lock agrees
image (image: {width: 1, crop: {size: 8}} -> image: {width: 2, crop: {size: 8}}): change noticed, stage run, output new, dvc.lock agrees
image.crop.size (image: {crop: {size: 8}} -> image: {crop: {size: 16}}): change noticed, stage run, output new, dvc.lock agrees'
seen=$(
    declared image 'image: {width: 1, crop: {size: 8}}' 'image: {width: 1, crop: {size: 16}}'
    declared image 'image: {width: 1, nfiles: 8}' 'image: {width: 1, nfiles: 16}'
    declared image 'image: {width: 1, crop: {size: 8}}' 'image: {width: 2, crop: {size: 8}}'
    declared image.crop.size 'image: {crop: {size: 8}}' 'image: {crop: {size: 16}}'
)
echo "$seen"
if [ "$seen" != "$expected" ]; then
    echo "changed: these were the lines"
    echo "$expected"
    exit 1
fi
