"""Downloads: what arrives is checked, nothing half-written is ever left, and the errors say what to do."""

import gzip
import hashlib
import os
import socket
import subprocess
import sys
import threading
import time

import pytest

from facula.vision.datasets import download as module
from facula.vision.datasets.download import DownloadError, Resource, download

BODY = b"the content of the file " * 1000
ARCHIVE = gzip.compress(BODY, mtime=0)
NAME = "some-idx1-ubyte.gz"


def digest(data, kind="md5"):
    return hashlib.new(kind, data, usedforsecurity=False).hexdigest()


GOOD = Resource(NAME, digest(ARCHIVE), digest(BODY, "sha256"))


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "a" / "b"


def visible(folder):
    return sorted(path.name for path in folder.iterdir() if path.name != ".lock") if folder.exists() else []


def refused(server, folder, *words, resource=GOOD, mirrors=None):
    with pytest.raises(DownloadError) as caught:
        download([resource], [server.url] if mirrors is None else mirrors, folder)
    message = str(caught.value)
    for word in words:
        assert word in message, message
    assert visible(folder) == []
    assert isinstance(caught.value, RuntimeError)
    return message


def test_fetches_decompresses_and_cleans_up(server, folder, capfd):
    server.files[NAME] = ARCHIVE
    download([GOOD], [server.url], folder)
    assert visible(folder) == ["some-idx1-ubyte"]
    assert (folder / "some-idx1-ubyte").read_bytes() == BODY
    out, err = capfd.readouterr()
    assert out == ""
    assert err.count("\n") == 2 and server.url + NAME in err  # plain lines: stderr is no terminal here


def test_what_is_there_is_not_fetched(server, folder, capfd):
    folder.mkdir(parents=True)
    (folder / "some-idx1-ubyte").write_bytes(b"mine")
    download([GOOD], [server.url], folder)
    (folder / "some-idx1-ubyte").unlink()
    (folder / NAME).write_bytes(b"mine too")
    download([GOOD], [server.url], folder)
    assert server.paths == []
    assert capfd.readouterr() == ("", "")
    assert visible(folder) == [NAME]


def test_uncompressed_resource(server, folder):
    server.files["plain"] = BODY
    download([Resource("plain", digest(BODY), digest(BODY, "sha256"))], [server.url], folder)
    assert (folder / "plain").read_bytes() == BODY


def test_second_mirror(server, folder):
    server.files[NAME] = ARCHIVE
    with socket.socket() as unused:  # bound but not listening: refuses connections
        unused.bind(("127.0.0.1", 0))
        download([GOOD], [f"http://127.0.0.1:{unused.getsockname()[1]}/", server.url], folder)
    assert (folder / "some-idx1-ubyte").read_bytes() == BODY


def test_offline_says_what_was_tried_and_what_to_do(server, folder):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        dead = f"http://127.0.0.1:{unused.getsockname()[1]}/"
        refused(
            server, folder, dead + NAME, "refused", server.url + NAME, "404", str(folder), "by hand",
            mirrors=[dead, server.url],
        )  # fmt: skip


def test_no_mirrors(server, folder):
    refused(server, folder, "list of mirrors is empty", mirrors=[])


def test_wrong_archive_checksum(server, folder):
    server.files[NAME] = gzip.compress(b"something else", mtime=0)
    refused(server, folder, "MD5 must be", GOOD.md5, digest(server.files[NAME]))


def test_wrong_content_checksum(server, folder):
    server.files[NAME] = ARCHIVE
    refused(server, folder, "SHA-256", "0" * 64, GOOD.sha256, resource=GOOD._replace(sha256="0" * 64))


def test_truncated_transfer(server, folder):
    server.behaviour[NAME] = lambda handler: handler.answer(ARCHIVE[:50], length=len(ARCHIVE))
    refused(server, folder, f"{len(ARCHIVE)} bytes were announced", "got 50")


def test_truncated_archive(server, folder):
    server.files[NAME] = ARCHIVE[:-10]
    refused(server, folder, "ends too early", resource=GOOD._replace(md5=None))


@pytest.mark.parametrize("body", [b"<html>not here</html>", ARCHIVE[:20] + b"\xff" * 100])
def test_no_archive(server, folder, body):
    server.files[NAME] = body
    refused(server, folder, "damaged", resource=GOOD._replace(md5=None))


def test_data_after_the_archive(server, folder):
    server.files[NAME] = ARCHIVE + b"more"
    refused(server, folder, "after the end", resource=GOOD._replace(md5=None))


def test_too_large_is_refused_unread(server, folder, monkeypatch):
    monkeypatch.setattr(module, "MAX_ARCHIVE_BYTES", 100)
    server.behaviour[NAME] = lambda handler: handler.answer(b"", length=101)
    refused(server, folder, "at most 100 bytes", "got 101")


def test_too_large_without_announcement(server, folder, monkeypatch):
    monkeypatch.setattr(module, "MAX_ARCHIVE_BYTES", 100)

    def endless(handler):
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(ARCHIVE + b"x" * 1000)

    server.behaviour[NAME] = endless
    refused(server, folder, "at most 100 bytes", "got more")


def test_decompression_bomb(server, folder, monkeypatch):
    monkeypatch.setattr(module, "MAX_CONTENT_BYTES", 1000)
    server.files[NAME] = ARCHIVE
    refused(server, folder, "decompressed size must be at most 1000")


def test_a_mirror_that_hangs(server, folder, monkeypatch):
    monkeypatch.setattr(module, "TIMEOUT", 0.2)
    release = threading.Event()
    server.behaviour[NAME] = lambda handler: release.wait(10)
    started = time.monotonic()
    refused(server, folder, "timed out")
    release.set()
    assert time.monotonic() - started < 5


def test_a_mirror_that_drips(server, folder, monkeypatch):
    monkeypatch.setattr(module, "TIME_LIMIT", 0.3)
    monkeypatch.setattr(module, "_CHUNK", 1)

    def drip(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(ARCHIVE)))
        handler.end_headers()
        for byte in ARCHIVE[:100]:
            try:
                handler.wfile.write(bytes([byte]))
            except OSError:
                return
            time.sleep(0.02)

    server.behaviour[NAME] = drip
    refused(server, folder, "takes longer")


@pytest.mark.parametrize("url", ["http://example.org/", "ftp://127.0.0.1/", "file:///etc/", "nonsense"])
def test_only_https(server, folder, url):
    refused(server, folder, "only https", mirrors=[url])


def test_a_redirect_must_not_leave_https(server, folder):
    def elsewhere(handler):
        handler.send_response(302)
        handler.send_header("Location", "http://example.org/x.gz")
        handler.end_headers()

    server.behaviour[NAME] = elsewhere
    refused(server, folder, "only https")


def test_unwritable_folder(server, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    server.files[NAME] = ARCHIVE
    with pytest.raises(DownloadError, match=r"cannot be written.*another root"):
        download([GOOD], [server.url], tmp_path / "file" / "raw")
    assert server.paths == []  # noticed before anything is fetched


def test_read_only_folder(server, folder, monkeypatch):
    folder.mkdir(parents=True)
    server.files[NAME] = ARCHIVE

    def refuse(*args, **kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(module.tempfile, "NamedTemporaryFile", refuse)
    refused(server, folder, "cannot be written", str(folder), "Permission denied")


def test_full_disk(server, folder, monkeypatch):
    server.files[NAME] = ARCHIVE

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module.os, "fsync", full)
    refused(server, folder, "cannot be written", "No space left", mirrors=[server.url, server.url])
    assert len(server.paths) == 1  # another mirror would not help


def test_interrupted(server, folder, monkeypatch):
    server.files[NAME] = ARCHIVE

    def interrupt(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(module._Progress, "update", interrupt)
    with pytest.raises(KeyboardInterrupt):
        download([GOOD], [server.url], folder)
    assert visible(folder) == []


def test_leftovers_of_a_killed_process_are_removed(server, folder):
    folder.mkdir(parents=True)
    (folder / ".some-idx1-ubyte.abc.part").write_bytes(b"half")
    server.files[NAME] = ARCHIVE
    download([GOOD], [server.url], folder)
    assert visible(folder) == ["some-idx1-ubyte"]


def test_a_proxy_is_not_asked_for_this_machine(server, folder, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1/")
    server.files[NAME] = ARCHIVE
    download([GOOD], [server.url], folder)
    assert visible(folder) == ["some-idx1-ubyte"]


def test_two_processes_at_once(server, folder):
    def slowly(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(ARCHIVE)))
        handler.end_headers()
        handler.wfile.write(ARCHIVE[:50])
        time.sleep(1.0)
        handler.wfile.write(ARCHIVE[50:])

    server.behaviour[NAME] = slowly
    program = "import sys; from facula.vision.datasets.download import Resource, download; " + (
        f"download([Resource(*{tuple(GOOD)!r})], [{server.url!r}], {str(folder)!r})"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    processes = [
        subprocess.Popen([sys.executable, "-c", program], env=environment, stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    errors = [process.communicate(timeout=60)[1].decode() for process in processes]
    assert [process.returncode for process in processes] == [0, 0], errors
    assert (folder / "some-idx1-ubyte").read_bytes() == BODY
    assert visible(folder) == ["some-idx1-ubyte"]
    assert len(server.paths) == 1  # the second waited and then found the file there


def test_progress_bar_on_a_terminal(server, folder, monkeypatch):
    pytest.importorskip("tqdm")
    import io

    class Terminal(io.StringIO):
        def isatty(self):
            return True

    terminal = Terminal()
    monkeypatch.setattr(module.sys, "stderr", terminal)
    server.files[NAME] = ARCHIVE
    download([GOOD], [server.url], folder)
    assert "100%" in terminal.getvalue() and NAME in terminal.getvalue()
