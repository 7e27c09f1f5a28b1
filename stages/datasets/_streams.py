"""What an archive is read from: its bytes without their compression, in bounded memory."""

from __future__ import annotations

import gzip
import lzma
from pathlib import Path
from typing import IO, Protocol

from stages.base.errors import UserError

MEMORY = 1 << 27  # bytes to unpack with: the tools' own limit for zstd; `xz -9` needs half of it
_BLOCK = 1 << 16


class Stream(Protocol):
    """Bytes, from the first to the last; none at the end."""

    def read(self, size: int, /) -> bytes: ...


def plain(file: IO[bytes], magic: bytes) -> Stream:
    """The file without its compression, which its first bytes tell. Damage is raised by the reader of its kind."""
    if magic.startswith(b"\x1f\x8b"):
        return gzip.GzipFile(fileobj=file)
    if magic.startswith(b"\xfd7zXZ"):
        return _Xz(file)
    if magic.startswith(b"\x28\xb5\x2f\xfd"):
        import zstandard

        reader: Stream = zstandard.ZstdDecompressor(max_window_size=MEMORY).stream_reader(file, read_across_frames=True)
        return reader
    return file


class _Xz:
    """As lzma.LZMAFile, which can't be told how much memory it may take, and takes 4 GB where a header says so."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._part = self._begin()

    @staticmethod
    def _begin() -> lzma.LZMADecompressor:
        return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=MEMORY)

    def read(self, size: int, /) -> bytes:
        while True:
            data = b""
            if self._part.eof:
                data = self._part.unused_data.lstrip(b"\0")  # zeros may stand between parts
                while not data:
                    if not (block := self._file.read(_BLOCK)):
                        return b""
                    data = block.lstrip(b"\0")
                self._part = self._begin()
            elif self._part.needs_input and not (data := self._file.read(_BLOCK)):
                raise EOFError("it ends before the last of its parts does")
            if out := self._part.decompress(data, size):
                return out


class Metered:
    """A stream that is read no further than `most` bytes, counted from its beginning: else one line, which `source`
    begins. So whoever reads it into memory takes no more than it was granted."""

    def __init__(self, source: Path, stream: Stream) -> None:
        self._source, self._stream = source, stream
        self._given = self.most = 0

    def read(self, size: int, /) -> bytes:
        data = self._stream.read(size)
        self._given += len(data)
        if self._given > self.most:
            raise UserError(
                f"{self._source}: the headers of one file are longer than any that tar writes by itself; "
                "pack it again, with plain names and without extended attributes"
            )
        return data
