"""The files of a directory, a .zip or a .tar(.gz|.xz|.zst), read one by one and never unpacked to the disk."""

from __future__ import annotations

import os
import stat
import tarfile
import zipfile
from collections import Counter
from collections.abc import Callable, Collection, Generator, Iterator
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import IO, Any

from stages.base import readable
from stages.base.errors import UserError
from stages.base.litter import litter
from stages.base.names import composed, existing
from stages.datasets import _streams

# more is no set of pictures, and may be a bomb
LARGEST = 1 << 28  # bytes in one file
LONGEST = 1024  # characters in one path, as in macOS; names are kept at the width of the longest
MOST = 1 << 22  # files and folders
HEADERS = 1 << 20  # bytes of a tar's headers between two files
_PIECE = 1 << 16


@dataclass(frozen=True)
class Entry:
    """One file or folder: its path inside the source with `/`, its kind (stat.S_IFREG ...), its size in bytes.

    `read` gives its bytes, `head` so many of the first. Of an archive's entry one of both may be called, before the
    next entry is asked for; of a directory's each, at any time and in any thread.
    """

    name: str
    kind: int
    size: int
    read: Callable[[], bytes]
    head: Callable[[int], bytes]

    @property
    def folder(self) -> bool:
        return self.kind == stat.S_IFDIR


def entries(source: Path, passed_over: Counter[str] | None = None) -> Generator[Entry, None, None]:
    """All entries but what is hidden or litter, in the order in which the source gives them.

    `passed_over` counts the latter by their names. Raises UserError, which names the source and the entry, for an
    archive that is damaged or cut short, a path that leaves the target, a link or a device, a path given twice, and for
    what is more or longer than any set of pictures; `read` does for what is larger.
    """
    seen: dict[str, str] = {}
    heaps: set[str] = set()
    for count, entry in enumerate(_directory(source) if source.is_dir() else _archive(source), 1):
        if count > MOST:
            raise UserError(f"{source} holds more than {MOST:,} files and folders; take some out")
        if len(entry.name) > LONGEST:
            raise UserError(
                f"{source}: {entry.name[:60]}... is a path of {len(entry.name):,} characters, above the {LONGEST:,} "
                "allowed; rename it"
            )
        parts = [part for part in entry.name.split("/") if part not in ("", ".")]
        if entry.name.startswith("/") or ".." in parts or (parts and len(parts[0]) == 2 and parts[0][1] == ":"):
            raise UserError(f"{source}: {entry.name} leaves the folder it belongs to; pack it with relative paths")
        place = "/".join(parts)
        heap = next((depth for depth, part in enumerate(parts, 1) if litter(part)), None)
        if heap is not None and (top := "/".join(parts[:heap])) not in heaps:
            heaps.add(top)
            if passed_over is not None:
                passed_over["._*" if parts[heap - 1].startswith("._") else parts[heap - 1]] += 1
        if not parts or heap is not None:
            continue
        _check(source, place, entry)
        if not entry.folder:
            form = composed(place)
            if seen.get(form) == place:
                raise UserError(f"{source}: {place} is there twice; pack it again without the copy")
            if form in seen:
                raise UserError(f"{source}: {place} is there twice, in two Unicode forms of its letters; rename one")
            seen[form] = place
        read = partial(_refuse, too_large(source, place, entry.size)) if entry.size > LARGEST else entry.read
        yield replace(entry, name=place, read=read)


def named(source: Path, names: Collection[str]) -> Generator[Entry, None, None]:
    """The files of these names, as `entries` has them, in the source's order; one that is not there is passed over.

    A directory is not searched, and an archive is read once, no further than to the last of them. Raises UserError as
    `entries` does.
    """
    if source.is_dir():
        for name in names:
            path = existing(source / name)
            try:
                state = path.lstat()
            except OSError:
                continue
            if stat.S_ISREG(state.st_mode) and state.st_size <= LARGEST:
                yield _file(path, name, state)
        return
    # packed again, perhaps by a system that writes letters with accents in another form
    missing = {composed(name): name for name in names}
    with closing(entries(source)) as found:
        while missing and (entry := next(found, None)) is not None:
            if not entry.folder and (form := composed(entry.name)) in missing:
                yield replace(entry, name=missing.pop(form))


def too_large(source: Path, place: str, size: int) -> UserError:
    return UserError(f"{source}: {place} has {size:,} bytes, above the {LARGEST:,} allowed; take it out")


def _refuse(error: UserError) -> bytes:
    raise error


def _file(path: Path, name: str, state: os.stat_result) -> Entry:
    """Of a directory."""

    def head(size: int) -> bytes:
        gone = "see what became of it or of its disk, and run again"
        with readable.refused(lambda why: f"{path} can't be read ({why}); {gone}"), path.open("rb") as file:
            return file.read(size)

    return Entry(name, stat.S_IFMT(state.st_mode), state.st_size, path.read_bytes, head)


def _check(source: Path, place: str, entry: Entry) -> None:
    if entry.kind == stat.S_IFLNK:
        raise UserError(f"{source}: {place} is a link; put the file itself there")
    if entry.kind not in (stat.S_IFREG, stat.S_IFDIR):
        raise UserError(f"{source}: {place} is neither a file nor a folder; take it out")
    try:
        place.encode()
    except UnicodeEncodeError as error:
        raise UserError(f"{source}: the name {place!r} is not UTF-8; rename it") from error


def _directory(source: Path) -> Iterator[Entry]:
    def refuse(error: OSError) -> None:
        gone = "it went away while the files were listed; run it again when nothing else works on the source"
        missing = isinstance(error, (FileNotFoundError, NotADirectoryError))
        way = gone if missing else f"{error.strerror}; mend its rights"
        raise UserError(f"{error.filename}: {way}") from error

    for root, folders, files in os.walk(source, onerror=refuse):
        folders.sort()
        for name in [*folders, *sorted(files)]:
            path = Path(root, name)
            try:
                state = path.lstat()
            except OSError as error:
                refuse(error)
            yield _file(path, path.relative_to(source).as_posix(), state)
        # never entered: the system's may be closed to all but the administrator
        folders[:] = [name for name in folders if not litter(name)]


def _archive(source: Path) -> Iterator[Entry]:
    with source.open("rb") as file, _refused(source):
        magic = file.read(6)
        file.seek(0)
        if magic[:4] in (b"PK\3\4", b"PK\5\6"):
            yield from _zip(source, file)
        else:
            yield from _tar(source, _streams.plain(file, magic))


def _zip(source: Path, file: IO[bytes]) -> Iterator[Entry]:
    with zipfile.ZipFile(file) as archive:
        _check_count(archive, file)
        for info in archive.infolist():
            name = _name(info).replace("\\", "/")
            # a zip made on Windows or by Python may give no kind
            kind = stat.S_IFMT(info.external_attr >> 16) or (stat.S_IFDIR if info.is_dir() else stat.S_IFREG)
            if info.flag_bits & 1:
                raise UserError(f"{source}: {name} is encrypted; pack it again without a password")
            if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                # zipfile bounds the memory of no other way
                raise UserError(f"{source}: {name} is packed by another way than deflate; pack it again, by `zip -r`")

            def read(info: zipfile.ZipInfo = info) -> bytes:
                with _refused(source), archive.open(info) as member:
                    # in pieces: else zipfile unpacks all that is there before it looks at the size
                    return b"".join(iter(lambda: member.read(_PIECE), b""))

            def head(size: int, info: zipfile.ZipInfo = info) -> bytes:
                with _refused(source), archive.open(info) as member:
                    return member.read(size)

            yield Entry(name, kind, info.file_size, read, head)


def _name(info: zipfile.ZipInfo) -> str:
    """The path; Finder and others write UTF-8 without saying so, and zipfile takes it for the letters of DOS."""
    if info.filename.isascii() or info.flag_bits & 0x800:
        return info.filename
    try:
        return info.filename.encode("cp437").decode("utf-8")
    except UnicodeError:
        return info.filename


def _check_count(archive: zipfile.ZipFile, file: IO[bytes]) -> None:
    """zipfile passes over the entries that a damaged length hides; but the end of the file says how many there are."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - 22 - 0xFFFF))  # a comment may follow
    end = file.read()
    count = int.from_bytes(end[end.rfind(b"PK\5\6") + 10 :][:2], "little")
    if count not in (0xFFFF, len(archive.infolist()) & 0xFFFF):  # the first: a larger number stands elsewhere
        raise zipfile.BadZipFile(f"it lists {len(archive.infolist())} files of {count}")


def _tar(source: Path, stream: _streams.Stream) -> Iterator[Entry]:
    metered = _streams.Metered(source, stream)
    metered.most = HEADERS
    with tarfile.open(fileobj=metered, mode="r|", tarinfo=_Header) as archive:  # type: ignore[call-overload]
        while (info := archive.next()) is not None:
            archive.members = []  # else tarfile keeps every header in memory
            # headers are read whole whatever size they give; where the next begin is past this file's own bytes
            metered.most = archive.offset + HEADERS
            if sum(len(key) + len(value) for key, value in archive.pax_headers.items()) > HEADERS:
                raise UserError(f"{source}: more than {HEADERS:,} bytes of global headers; pack it again without them")

            def head(size: int = -1, info: tarfile.TarInfo = info) -> bytes:
                with _refused(source):
                    file = archive.extractfile(info)
                    assert file is not None
                    return file.read(size)

            yield Entry(info.name, _kind(info), info.size, head, head)
    while stream.read(1 << 20):  # on to the end, where the checksums lie
        pass


def _kind(info: tarfile.TarInfo) -> int:
    if info.isreg():
        return stat.S_IFREG
    if info.isdir():
        return stat.S_IFDIR
    return stat.S_IFLNK if info.issym() or info.islnk() else stat.S_IFCHR


class _Header(tarfile.TarInfo):
    """A damaged or missing header is an error; tarfile itself takes it for the end of the archive."""

    @classmethod
    def fromtarfile(cls, archive: tarfile.TarFile) -> Any:
        try:
            return super().fromtarfile(archive)
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]  # the true end: a block of zeros
            raise
        except tarfile.HeaderError as error:
            raise tarfile.ReadError(str(error)) from error


def _refused(source: Path) -> AbstractContextManager[None]:
    """Turns what the readers raise on a damaged archive into one line."""

    def said(reason: str) -> str:
        if "emory" in reason:
            limit = f"needs more than the {_streams.MEMORY >> 20} MiB of memory allowed to unpack"
            return f"{source} {limit} ({reason}); pack it again without --long, or with a smaller dictionary"
        return f"{source} is cut short, damaged, or no .tar(.gz|.xz|.zst) or .zip ({reason}); fetch it again"

    return readable.refused(said)
