#!/usr/bin/env bash
# Python's lzma takes zeros between the parts of an .xz file for the end of it, and says nothing of what follows.
#
# Versions: Python 3.11 to 3.13's own lzma; no package.
# Guess: an .xz file may hold several streams with padding between them (zero bytes, a multiple of four: section 2.2 of
#   the format), which `xz -d` reads as one. Python's documentation says that several streams are read as one, too.
# Seen: lzma.open reads the first stream and returns its end; neither the padding nor the stream behind it is an error.
#   Without padding, both streams are read. `xz -dc` gives both in both cases.
# Why it matters: a .tar.xz that was made of parts, or written to a medium in blocks, loses its last files without a
#   word, where a tar is not read on to its own end.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat >"$work/look.py" <<'P'
import lzma
import pathlib
import subprocess
import sys

for title, between in (("no padding", b""), ("four zeros", bytes(4))):
    path = pathlib.Path(sys.argv[1]) / "x.xz"
    path.write_bytes(lzma.compress(b"one ") + between + lzma.compress(b"two"))
    with lzma.open(path) as file:
        ours = file.read().decode()
    theirs = subprocess.check_output(["xz", "-dc", path], text=True)
    print(f"{title}: lzma.open {ours.split()}, xz {theirs.split()}")
P
expected="no padding: lzma.open ['one', 'two'], xz ['one', 'two']
four zeros: lzma.open ['one'], xz ['one', 'two']"
seen=$(python3 "$work/look.py" "$work")
echo "$seen"
if [ "$seen" != "$expected" ]; then
    echo "changed: these were the lines"
    echo "$expected"
    exit 1
fi
