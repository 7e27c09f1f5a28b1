"""Files from the network or the disk, checked against their digest."""

from __future__ import annotations

import errno
import hashlib
import http.client
import string
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

from stages.base import readable
from stages.base.errors import UserError
from stages.base.names import existing

_BLOCK = 1 << 20
_WAIT = 30.0  # seconds without a byte
_TRIES = 20  # a try that gained no byte is the last


def official(address: str, digest: str, source: str | None, scratch: Path) -> Path:
    """One file of a known set: from its official `address`, or by `source` from a mirror or a local path.

    A mirror is a base URL or the URL of the file itself, a local path is the file or the folder it lies in. Each
    is held against `digest`, such as "md5:0123...". Raises UserError.
    """
    name = file_name(address)
    if source is None:
        return fetch(address, scratch, digest)
    if is_url(source):
        url = source if file_name(source) == name else f"{source.rstrip('/')}/{name}"
        return fetch(url, scratch, digest)
    path = local(source)
    if path.is_dir():
        path = local(str(path / name))
    found = measure(path, digest)
    if found != digest:
        raise _wrong_digest(str(path), digest, found)
    return path


def is_url(source: str) -> bool:
    """Whether `source` is an address. Raises UserError for one that is not http or https, or is broken."""
    scheme = source.split("://", 1)[0] if "://" in source else ""
    if scheme and scheme.lower() not in ("http", "https"):
        raise UserError(f"data.source={source}: only http:// and https:// addresses and local paths are read")
    if scheme:
        _sent(source)
    return bool(scheme)


def _sent(url: str) -> str:
    """The address in ASCII, as browsers send it. Raises UserError for what is no address."""
    try:
        parts = urllib.parse.urlsplit(url)
        if not parts.hostname:
            raise ValueError("it names no host")
        host = parts.hostname.encode("idna").decode()
        host = f"[{host}]" if ":" in host else host
        port = "" if parts.port is None else f":{parts.port}"
        user, at, _ = parts.netloc.rpartition("@")
        path, query = (urllib.parse.quote(part, safe=string.punctuation) for part in (parts.path, parts.query))
        return urllib.parse.urlunsplit((parts.scheme, f"{user}{at}{host}{port}", path, query, ""))
    except ValueError as error:
        raise UserError(f"data.source={url}: no address ({readable.reason(error)}); mend it") from error


def file_name(url: str) -> str:
    return urllib.parse.unquote(urllib.parse.urlsplit(url).path).rstrip("/").rsplit("/", 1)[-1]


def local(source: str) -> Path:
    """A local file or folder. Raises UserError if there is none, or something else."""
    try:
        path = existing(Path(source).expanduser())
        reason = readable.unfit(path)
    except RuntimeError:
        reason = "no such user"
    if reason is not None:
        raise UserError(f"data.source={source}: {reason}; give a path that exists, an address, or null")
    return path


def measure(path: Path, like: str) -> str:
    """The digest of a file by the algorithm that `like` names, as "md5:0123..."."""
    algorithm = like.split(":", 1)[0]
    digest = hashlib.new(algorithm, usedforsecurity=False)
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return f"{algorithm}:{digest.hexdigest()}"


def fetch(url: str, scratch: Path, digest: str | None) -> Path:
    """Downloads `url` into `scratch` and goes on with what a broken download left there.

    What is left is used only if the server says that it still serves the same file (If-Range), or if there is
    a digest to hold the whole against; else the download starts anew. Raises UserError.
    """
    name = file_name(url).replace("\0", "")[-50:] or "file"  # file systems allow 255 bytes, with the suffixes below
    stem = f"{hashlib.sha256(url.encode()).hexdigest()[:12]}-{name}"
    whole, partial, note = scratch / stem, scratch / f"{stem}.partial", scratch / f"{stem}.version"
    if whole.exists() and digest and measure(whole, digest) == digest:
        return whole
    resumed = partial.exists()
    while True:
        _download(url, partial, note, resume_blindly=digest is not None)
        found = digest and measure(partial, str(digest))
        if found == digest:
            note.unlink(missing_ok=True)
            return partial.replace(whole)
        partial.unlink()
        note.unlink(missing_ok=True)
        if not resumed:  # a file pieced together may mix two versions: one clean try more
            raise _wrong_digest(url, str(digest), str(found))
        resumed = False


def _download(url: str, partial: Path, note: Path, resume_blindly: bool) -> None:
    """Brings `partial` to its full length, over several connections while each one gains something."""
    problem = ""
    for _ in range(_TRIES):
        before = partial.stat().st_size if partial.exists() else 0
        try:
            if _stream(url, partial, note, before, resume_blindly):
                return
            problem = "the connection was closed early"
        except urllib.error.HTTPError as error:
            if error.code == 416:  # nothing of that file begins there: what lies here is another version
                partial.unlink(missing_ok=True)
                continue
            raise _unreachable(url, f"HTTP {error.code} {error.reason}") from error
        except (http.client.HTTPException, OSError, ValueError) as error:
            if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS):
                raise  # the disk's, not the network's
            problem = str(getattr(error, "reason", None) or readable.reason(error))
        if (partial.stat().st_size if partial.exists() else 0) <= before:
            break
    raise _unreachable(url, problem)


def _stream(url: str, partial: Path, note: Path, start: int, resume_blindly: bool) -> bool:
    """Appends to `partial` what one connection gives; True if the file is then complete."""
    from tqdm import tqdm

    headers = {"User-Agent": "little-label-learners", "Accept-Encoding": "identity"}
    version = note.read_text(encoding="latin-1") if note.exists() else ""  # as headers are
    version = version if version.isprintable() else ""
    if start and version:
        headers |= {"Range": f"bytes={start}-", "If-Range": version}
    elif start and resume_blindly:
        headers["Range"] = f"bytes={start}-"
    request = urllib.request.Request(_sent(url), headers=headers)
    with urllib.request.urlopen(request, timeout=_WAIT) as answer:
        place = str(answer.headers.get("Content-Range", ""))
        if answer.status != 206 or not place.startswith(f"bytes {start}-"):
            if answer.status == 206:
                raise http.client.HTTPException(f"the server answered {place or 'another range'}")
            start = 0  # the server sends the whole file
            partial.unlink(missing_ok=True)  # before the note: old bytes never stand under a new version
        length = answer.headers.get("Content-Length")
        if length and not (length.isascii() and length.isdecimal()):
            raise http.client.HTTPException(f"the server says Content-Length: {length}")
        total = start + int(length) if length else None
        tag = answer.headers.get("ETag", "W/")  # a weak tag can't promise the same bytes
        version = answer.headers.get("Last-Modified", "") if tag.startswith("W/") else tag
        note.write_text(version, encoding="latin-1")
        bar = tqdm(desc=file_name(url), initial=start, total=total, unit="B", unit_scale=True, disable=None)
        with bar, partial.open("r+b" if start else "wb") as file:
            file.seek(start)
            while block := answer.read(_BLOCK):
                file.write(block)
                bar.update(len(block))
            return total is None or file.tell() == total


def _unreachable(url: str, problem: str) -> UserError:
    return UserError(
        f"can't download {url} ({problem}); check the network and run again to go on from here, "
        f"or name a mirror or a local copy by data.source"
    )


def _wrong_digest(where: str, digest: str, found: str) -> UserError:
    return UserError(
        f"{where} is not the official file: its digest is {found}, the official one {digest}; "
        f"fetch it again, or name another mirror or a local copy by data.source"
    )
