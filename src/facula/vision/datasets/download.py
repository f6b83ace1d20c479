"""Fetching data-set files: over https, checked, capped, and never half-written.

A file appears under its final name only when it is complete: it is streamed into a temporary file in the
same folder, its checksums are compared, it is flushed to the disk and then renamed. Two processes that want
the same folder take turns (a lock file); the second finds the files there and downloads nothing.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import importlib
import ipaddress
import os
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

TIMEOUT = 30.0  # seconds without a byte before a mirror is given up
TIME_LIMIT = 1800.0  # seconds for one file altogether
MAX_ARCHIVE_BYTES = 128 << 20
MAX_CONTENT_BYTES = 512 << 20
_CHUNK = 1 << 16


class DownloadError(RuntimeError):
    """No mirror delivered the file, or the folder cannot be written. The message says what to do by hand."""


class Resource(NamedTuple):
    """A file on a mirror: its name there, its MD5, and the SHA-256 of what is in it (or None)."""

    filename: str
    md5: str | None
    sha256: str | None = None

    @property
    def content_name(self) -> str:
        return self.filename.removesuffix(".gz")


def download(resources: Sequence[Resource], mirrors: Sequence[str], folder: str | os.PathLike) -> None:
    """Bring every resource, decompressed, into `folder`; what is there already (raw or `.gz`) is left alone.

    `mirrors` are base URLs, tried in order. Only https is accepted, except for a loopback address.
    Raises DownloadError with every URL tried and why it failed, or saying that the folder cannot be written.
    """
    folder = Path(folder)
    if not _missing(resources, folder):
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(folder, error) from error
    with _lock(folder) as alone:
        missing = _missing(resources, folder)
        for leftover in folder.glob(".*.part") if alone else ():  # of a process that was killed
            with contextlib.suppress(OSError):
                leftover.unlink()
        for resource in missing:
            _fetch_from_any(resource, mirrors, folder)


def _missing(resources: Sequence[Resource], folder: Path) -> list[Resource]:
    return [
        r for r in resources if not ((folder / r.content_name).is_file() or (folder / r.filename).is_file())
    ]


def _fetch_from_any(resource: Resource, mirrors: Sequence[str], folder: Path) -> None:
    failures = []
    for mirror in mirrors:
        url = mirror.rstrip("/") + "/" + resource.filename
        try:
            _fetch(url, resource, folder)
            return
        except _MirrorError as error:
            failures.append(f"  {url}: {error}")
        except (OSError, http.client.HTTPException, ValueError) as error:
            # a plain URLError only wraps the reason; an HTTPError's own text has the status, too
            reason = error.reason if type(error) is urllib.error.URLError else error
            failures.append(f"  {url}: {reason or type(error).__name__}")
            if isinstance(error, urllib.error.HTTPError):
                error.close()  # it is a response, too
    raise DownloadError(
        f"[download] {resource.filename} could not be fetched from any mirror:\n"
        + ("\n".join(failures) or "  (the list of mirrors is empty)")
        + f"\nWithout a network, put {resource.filename} or the decompressed {resource.content_name} "
        f"into {folder.resolve()} by hand."
    )


class _MirrorError(Exception):
    """This mirror's file will not do; the next one may."""


def _fetch(url: str, resource: Resource, folder: Path) -> None:
    """Stream one URL, decompressing on the way, into a temporary file; rename it if everything fits."""
    deadline = time.monotonic() + TIME_LIMIT
    compressed = resource.filename.endswith(".gz")
    decoder = zlib.decompressobj(wbits=31) if compressed else None
    archive_hash, content_hash = hashlib.md5(usedforsecurity=False), hashlib.sha256()
    archive_size = content_size = 0
    temporary: Path | None = None
    with _open(url) as response:
        length = response.headers.get("Content-Length")
        total = int(length) if length and length.isdigit() else None
        if total is not None and total > MAX_ARCHIVE_BYTES:
            raise _MirrorError(f"the size must be at most {MAX_ARCHIVE_BYTES} bytes: got {total}")
        try:
            with _temporary_file(folder, resource) as file, _Progress(url, total) as progress:
                temporary = Path(file.name)
                while chunk := response.read(_CHUNK):
                    archive_size += len(chunk)
                    archive_hash.update(chunk)
                    if archive_size > MAX_ARCHIVE_BYTES:
                        raise _MirrorError(f"the size must be at most {MAX_ARCHIVE_BYTES} bytes: got more")
                    if time.monotonic() > deadline:
                        raise _MirrorError(
                            f"the download must take at most {TIME_LIMIT:.0f} s: it takes longer"
                        )
                    content = _decode(decoder, chunk, MAX_CONTENT_BYTES - content_size)
                    content_size += len(content)
                    content_hash.update(content)
                    _on_disk(folder, file.write, content)
                    progress.update(len(chunk))
                if total is not None and archive_size != total:
                    raise _MirrorError(f"{total} bytes were announced: got {archive_size}")
                if resource.md5 is not None and archive_hash.hexdigest() != resource.md5:
                    raise _MirrorError(f"the MD5 must be {resource.md5}: got {archive_hash.hexdigest()}")
                if decoder is not None and not decoder.eof:
                    raise _MirrorError("the compressed data ends too early")
                if resource.sha256 is not None and content_hash.hexdigest() != resource.sha256:
                    raise _MirrorError(
                        f"the SHA-256 of the decompressed data must be {resource.sha256}: "
                        f"got {content_hash.hexdigest()}"
                    )
                _on_disk(folder, file.flush)
                _on_disk(folder, os.fsync, file.fileno())
            _on_disk(folder, os.replace, temporary, folder / resource.content_name)
            _sync_folder(folder)
        finally:
            if temporary is not None:
                temporary.unlink(missing_ok=True)


def _decode(decoder: Any, chunk: bytes, room: int) -> bytes:
    if decoder is None:
        content = chunk
    else:
        try:
            # One byte more than there is room for, so that a decompression bomb is seen before it is stored.
            content = decoder.decompress(chunk, room + 1)
        except zlib.error as error:
            raise _MirrorError(f"the compressed data is damaged: {error}") from error
        if decoder.unused_data:
            raise _MirrorError("there is data after the end of the compressed data")
    if len(content) > room:
        raise _MirrorError(f"the decompressed size must be at most {MAX_CONTENT_BYTES} bytes: got more")
    return content


# ---- connections -----------------------------------------------------------------------------------------


def _is_loopback(host: str | None) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False


def _check_url(url: str) -> None:
    parts = urllib.parse.urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_loopback(parts.hostname)):
        raise _MirrorError(f"only https is accepted: got {parts.scheme or 'no scheme'}")


class _CheckedRedirects(urllib.request.HTTPRedirectHandler):
    """A redirect must not leave https either."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        _check_url(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _open(url: str) -> Any:
    _check_url(url)
    handlers: list[urllib.request.BaseHandler] = [_CheckedRedirects()]
    if _is_loopback(urllib.parse.urlsplit(url).hostname):
        handlers.append(urllib.request.ProxyHandler({}))  # no proxy can reach this machine's own address
    opener = urllib.request.build_opener(*handlers)
    return opener.open(urllib.request.Request(url, headers={"User-Agent": "facula"}), timeout=TIMEOUT)


# ---- the disk --------------------------------------------------------------------------------------------


def _unwritable(folder: Path, error: OSError) -> DownloadError:
    return DownloadError(
        f"[download] the folder {folder.resolve()} cannot be written: {error}. "
        "Choose another root, or put the files there by hand."
    )


def _on_disk(folder: Path, action: Any, *args: Any) -> Any:
    """Run a disk action; its failure is no reason to try another mirror."""
    try:
        return action(*args)
    except OSError as error:
        raise _unwritable(folder, error) from error


def _temporary_file(folder: Path, resource: Resource) -> Any:
    return _on_disk(
        folder,
        lambda: tempfile.NamedTemporaryFile(
            dir=folder, prefix=f".{resource.content_name}.", suffix=".part", delete=False
        ),
    )


def _sync_folder(folder: Path) -> None:
    """Make the rename itself durable, where the system can (not on Windows)."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextlib.contextmanager
def _lock(folder: Path) -> Iterator[bool]:
    """Let one process at a time download into `folder`; yields whether that is assured.

    The system drops the lock when its holder dies. Where there are no file locks (some network folders,
    Windows, WebAssembly) it is skipped: the rename is atomic, so the worst case is that both download.
    """
    try:
        fcntl: Any = importlib.import_module("fcntl")
    except ImportError:
        yield False
        return
    with _on_disk(folder, lambda: open(folder / ".lock", "a")) as handle:
        alone = True
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"Another process downloads into {folder}; waiting for it", file=sys.stderr)
            fcntl.flock(handle, fcntl.LOCK_EX)
        except OSError:
            alone = False
        yield alone  # closing the file releases the lock


# ---- progress --------------------------------------------------------------------------------------------


class _Progress:
    """A bar on a terminal that has tqdm; otherwise one line before and one after."""

    def __init__(self, url: str, total: int | None) -> None:
        self.url, self.total, self.done, self.bar = url, total, 0, None
        if sys.stderr is not None and sys.stderr.isatty():
            with contextlib.suppress(ImportError):
                from tqdm import tqdm

                name = url.rsplit("/", 1)[-1]
                self.bar = tqdm(total=total, unit="B", unit_scale=True, desc=name, file=sys.stderr)

    def __enter__(self) -> _Progress:
        if self.bar is None:
            print(f"Downloading {self.url}", file=sys.stderr)
        return self

    def update(self, count: int) -> None:
        self.done += count
        if self.bar is not None:
            self.bar.update(count)

    def __exit__(self, kind: Any, value: Any, traceback: Any) -> None:
        if self.bar is not None:
            self.bar.close()
        elif kind is None:
            print(f"  {self.done / 1e6:.1f} MB", file=sys.stderr)
