"""Small sources for tests: pictures, archives, and a local server that can break off."""

from __future__ import annotations

import io
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import zstandard
from PIL import Image

from stages.datasets import Settings


def settings(name: str, source: str | Path | None = None, **changes: Any) -> Settings:
    values = {
        "name": name,
        "source": source and str(source),
        "size": 32,
        "max_pixels": 180,
        "labels": "fine",
        "test_share": 0.25,
        "seed": 0,
        "extra": None,
    }
    return Settings.model_validate(values | changes)


def picture(shade: int = 128, width: int = 32, height: int = 32, kind: str = "PNG") -> bytes:
    """An even picture, so that its mean tells which one it is."""
    out = io.BytesIO()
    Image.new("RGB", (width, height), (shade, shade, shade)).save(out, kind)
    return out.getvalue()


def classes(part: str, count: int = 3, names: tuple[str, ...] = ("cat", "dog")) -> dict[str, bytes]:
    """`count` pictures of each class: shade 10 * class + number."""
    start = f"{part}/" if part else ""
    return {
        f"{start}{name}/{number}.png": picture(10 * label + number)
        for label, name in enumerate(names)
        for number in range(count)
    }


def folder(path: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(data)
    return path


def tar(path: Path, files: dict[str, bytes], extra: list[tarfile.TarInfo] | None = None) -> Path:
    """Packs by suffix: .tar, .tar.gz, .tar.xz, .tar.zst."""
    out = io.BytesIO()
    suffix = path.suffix.lstrip(".")
    mode: Any = "w:" + (suffix if suffix in ("gz", "xz") else "")
    with tarfile.open(fileobj=out, mode=mode) as archive:
        for info in extra or []:
            archive.addfile(info)
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    data = out.getvalue()
    # with a checksum, as the zstd command writes it
    path.write_bytes(zstandard.ZstdCompressor(write_checksum=True).compress(data) if suffix == "zst" else data)
    return path


def zipped(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def pack(path: Path, files: dict[str, bytes]) -> Path:
    """A directory or an archive, by suffix."""
    if path.suffix == ".zip":
        return zipped(path, files)
    return tar(path, files) if path.suffix else folder(path, files)


def noise(count: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(count).integers(0, 256, (count, *shape), dtype=np.uint8)


class Server(HTTPServer):
    """Serves `files` with ranges; `breaks` answers are cut after `cut` bytes; `log` holds the range asked for;
    `length` is said in place of the true one."""

    files: dict[str, bytes]
    tag: str | None = '"one"'
    ranges = True
    breaks = 0
    cut = 0
    length: str | None = None
    log: list[str | None]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        server = self.server
        data = server.files.get(self.path.lstrip("/"))
        if data is None:
            self.send_error(404)
            return
        wanted = self.headers.get("Range")
        server.log.append(wanted)
        start = 0
        if wanted and server.ranges and self.headers.get("If-Range", server.tag) == server.tag:
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
        if start and start >= len(data):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        if server.tag:
            self.send_header("ETag", server.tag)
        self.send_header("Content-Length", server.length or str(len(data) - start))
        self.end_headers()
        rest = data[start:]
        if server.breaks > 0:
            server.breaks -= 1
            rest = rest[: server.cut]
        self.wfile.write(rest)

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def serving(files: dict[str, bytes]) -> Iterator[Server]:
    server = Server(("127.0.0.1", 0), _Handler)
    server.files, server.log = files, []
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
