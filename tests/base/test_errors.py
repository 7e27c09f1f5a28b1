from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
from safetensors import SafetensorError

from stages.base.errors import UserError, run

ROOT = Path(__file__).parent.parent.parent


def raises(error: BaseException):
    def main() -> None:
        raise error

    return main


class OutOfMemoryError(RuntimeError):
    """As torch names its own."""


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (UserError("labels.budget=9: more\n  than the pool"), "error: labels.budget=9: more than the pool\n"),
        (OSError(errno.ENOSPC, "No space left on device", "data/raw"), "error: data/raw: no space left on the disk"),
        (OSError("3072 requested and 100 written"), "error: an output: no space left on the disk"),
        (PermissionError(errno.EACCES, "Permission denied", "data/raw"), "error: data/raw: Permission denied"),
        (OSError(errno.EDQUOT, "Disk quota exceeded", "data/raw"), "error: data/raw: the quota of the disk is used up"),
        (OSError(errno.EFBIG, "File too large", "data/raw"), "error: data/raw: larger than a file may be"),
        (OSError(errno.EMFILE, "Too many open files", "data/raw"), "error: data/raw: too many open files; raise"),
        (OSError(errno.EPERM, "Operation not permitted", "data/raw"), "error: data/raw: Operation not permitted; mend"),
        (OSError(errno.EROFS, "Read-only file system", "data/raw"), "error: data/raw: Read-only file system; mend"),
        (OSError(errno.ENOTDIR, "Not a directory", "data/raw"), "error: data/raw: Not a directory; move away"),
        # as safetensors, written in Rust, says it
        (
            SafetensorError("I/O error: Permission denied (os error 13)"),
            "error: an output: I/O error: Permission denied",
        ),
        (SafetensorError("I/O error: Too many open files (os error 24)"), "error: an output: too many open files"),
        (OutOfMemoryError("CUDA out of memory.\nTried to"), "error: the GPU is out of memory (CUDA out of memory.)"),
        (
            RuntimeError("CUDA error: out of memory\nCompile"),
            "error: the GPU is out of memory (CUDA error: out of memory)",
        ),
        (
            RuntimeError("CUDA error: no kernel image is available for execution on the device"),
            "error: torch has no code for this GPU",
        ),
        (RuntimeError("can't start new thread"), "error: can't start new thread: the limit of processes is reached"),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), "error: out of memory (Cannot allocate memory); free some"),
        (MemoryError(), "error: out of memory; free some, or lower batch_size or data.size\n"),
    ],
)
def test_what_the_user_can_mend_is_one_line_and_status_1(error, said, capsys) -> None:
    with pytest.raises(SystemExit) as ended:
        run(raises(error))
    out, err = capsys.readouterr()
    assert ended.value.code == 1
    assert err.startswith(said)
    assert err.count("\n") == 1
    assert not out


def test_an_interrupted_run_ends_without_a_traceback(capsys) -> None:
    with pytest.raises(SystemExit) as ended:
        run(raises(KeyboardInterrupt()))
    assert ended.value.code == 130
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(
    ("work", "said"),
    [
        ("import torch; torch.empty(1 << 45)", "(can't allocate memory: you tried to allocate 140737488355328 bytes"),
        ("import numpy; numpy.zeros(1 << 45)", "(Unable to allocate 256. TiB for an array with shape"),
        ("import mmap; mmap.mmap(-1, 1 << 45)", "(Cannot allocate memory)"),
        ("bytearray(1 << 45)", ""),
    ],
)
def test_too_little_memory_is_one_line(work: str, said: str, tmp_path: Path) -> None:
    """In a process that may have 64 GB of addresses, for a request of 32 TB that is refused without being begun."""
    limit = f"import resource; resource.setrlimit(resource.RLIMIT_AS, ({1 << 36}, {1 << 36}))"
    program = f"{limit}\nfrom stages.base.errors import run\ndef main():\n    {work}\nrun(main)"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: out of memory {said}".strip())
    assert done.stderr.endswith("free some, or lower batch_size or data.size\n")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("lines", [1, 100_000])
def test_output_that_nobody_reads_any_more_ends_in_silence(lines: int) -> None:
    """As of `python -m stages.show ... | head`, with less and with more than the pipe holds."""
    program = f"from stages.base.errors import run; run(lambda: print('a row of a table\\n' * {lines}))"
    process = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=-1, stderr=-1, text=True)
    assert process.stdout and process.stderr
    process.stdout.close()
    assert process.stderr.read() == ""
    assert process.wait(10) == 141


def test_any_name_can_be_printed_whatever_the_language_of_the_machine() -> None:
    program = "from stages.base.errors import run; run(lambda: print('\u732b, \u0441\u043e\u0431\u0430\u043a\u0430'))"
    environment = {**os.environ, "PYTHONIOENCODING": "latin-1"}
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=environment, capture_output=True, check=False)
    assert done.stdout.decode() == "\u732b, \u0441\u043e\u0431\u0430\u043a\u0430\n", done.stderr


def test_an_output_that_is_full_is_one_line() -> None:
    program = "from stages.base.errors import run; run(lambda: print('a table'))"
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, stdout=full, stderr=-1, text=True, check=False)
    assert (done.returncode, done.stderr) == (
        1,
        "error: an output: no space left on the disk; free some and run again\n",
    )


@pytest.mark.parametrize("error", [ValueError("a bug"), RuntimeError("a bug"), OSError(errno.EIO, "a fault")])
def test_a_bug_keeps_its_traceback(error) -> None:
    with pytest.raises(type(error)):
        run(raises(error))


def test_the_collector_rests_while_a_stage_is_imported_and_works_in_it() -> None:
    """As `python -m stages.<stage>` would find it; who imports the package finds it as it was."""
    said = "import gc, stages.base.errors as e; print(gc.isenabled()); e.run(lambda: print(gc.isenabled()))"
    for start, wanted in (("import sys; sys.argv[0] = '-m'", ["False", "True"]), ("pass", ["True", "True"])):
        command = [sys.executable, "-c", f"{start}; {said}"]
        assert subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split() == wanted
