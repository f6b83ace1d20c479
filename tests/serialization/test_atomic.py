"""Writing replaces a file as a whole or not at all."""

from __future__ import annotations

import contextlib
import os
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from facula._tensor import wrap
from facula.serialization import load, save
from facula.serialization.atomic import atomic_write

posix = pytest.mark.skipif(os.name != "posix", reason="POSIX permissions and links")


@contextlib.contextmanager
def ordinary_user() -> Iterator[None]:
    """Permissions do not bind the superuser: become somebody else meanwhile."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_new_and_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    for content in (b"one", b"two and more", b""):
        with atomic_write(path) as file:
            file.write(content)
            assert not path.exists() or path.read_bytes() != content
        assert path.read_bytes() == content
    assert os.listdir(tmp_path) == ["a.bin"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_an_error_leaves_the_old_file(error: type[BaseException], tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")
    with pytest.raises(error), atomic_write(path) as file:
        file.write(b"new")
        raise error
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.bin"]


def test_a_full_disk_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.pt"
    save(1, path)

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        save(2, path)
    monkeypatch.undo()
    assert load(path) == 1
    assert os.listdir(tmp_path) == ["a.pt"]


def test_what_cannot_be_saved_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.pt"
    save(1, path)
    with pytest.raises(Exception, match="only tensors"):
        save(object(), path)
    assert load(path) == 1
    with pytest.raises(Exception, match="only tensors"):
        save(object(), tmp_path / "b.pt")
    assert os.listdir(tmp_path) == ["a.pt"]


def test_everything_reaches_the_disk_before_the_rename(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    fsync, replace = os.fsync, os.replace

    def note_fsync(descriptor: int) -> None:
        steps.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        fsync(descriptor)

    def note_replace(source: str, target: str) -> None:
        steps.append("rename")
        assert os.path.dirname(source) == os.path.dirname(target)
        assert os.path.getsize(source) == 5
        replace(source, target)

    monkeypatch.setattr(os, "fsync", note_fsync)
    monkeypatch.setattr(os, "replace", note_replace)
    with atomic_write(tmp_path / "a.bin") as file:
        file.write(b"12345")
    assert steps == ["file", "rename", "folder"] if os.name == "posix" else ["file", "rename"]


def test_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"Parent directory .*nowhere does not exist\."):
        save(1, tmp_path / "nowhere" / "a.pt")


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError):
        save(1, tmp_path)


@posix
def test_links_and_permissions_stay(tmp_path: Path) -> None:
    path, link = tmp_path / "a.bin", tmp_path / "link"
    path.write_bytes(b"old")
    path.chmod(0o640)
    link.symlink_to(path)
    with atomic_write(link) as file:
        file.write(b"new")
    assert link.is_symlink() and path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    old = os.umask(0o027)
    try:
        with atomic_write(tmp_path / "fresh") as file:
            file.write(b"x")
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "fresh").stat().st_mode) == 0o640


@posix
def test_a_device_is_written_directly() -> None:
    save(1, "/dev/null")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


@posix
def test_read_only_folder() -> None:
    # Not tmp_path: only its owner may look into that.
    with tempfile.TemporaryDirectory() as outer:
        folder = Path(outer) / "locked"
        folder.mkdir()
        (folder / "a.pt").write_bytes(b"old")
        folder.chmod(0o555)
        os.chmod(outer, 0o755)
        with ordinary_user():
            with pytest.raises(PermissionError, match=r"cannot write .*locked"):
                save(1, folder / "a.pt")
            with pytest.raises(PermissionError, match=r"cannot write .*locked"):
                save(1, folder / "b.pt")
        assert os.listdir(folder) == ["a.pt"] and (folder / "a.pt").read_bytes() == b"old"
        folder.chmod(0o755)


@posix
def test_read_only_file() -> None:
    with tempfile.TemporaryDirectory() as outer:
        os.chmod(outer, 0o777)
        path = Path(outer) / "a.pt"
        path.write_bytes(b"old")
        path.chmod(0o444)
        with ordinary_user(), pytest.raises(PermissionError, match="read-only"):
            save(1, path)
        assert os.listdir(outer) == ["a.pt"] and path.read_bytes() == b"old"


def test_long_names(tmp_path: Path) -> None:
    for name in ("a" * 250 + ".pt", "ä" * 120 + ".pt"):
        save(3, tmp_path / name)
        assert load(tmp_path / name) == 3


SAVER = """
import sys
import numpy as np
from facula._tensor import wrap
from facula.serialization import save
path = sys.argv[1]
print("ready", flush=True)
n = 0
while True:
    n += 1
    save({"n": n, "w": wrap(np.full(200_000, n, np.float32))}, path)
"""


@posix
def test_kill_during_a_save(tmp_path: Path) -> None:
    """A process that saves all the time is killed at a random moment: there is always a whole file."""
    path = tmp_path / "a.pt"
    save({"n": 0, "w": wrap(np.full(200_000, 0, np.float32))}, path)
    cut = 0
    for i in range(6):
        process = subprocess.Popen([sys.executable, "-c", SAVER, str(path)], stdout=subprocess.PIPE)
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        time.sleep(0.01 + 0.0137 * i)
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        found = load(path)
        assert found["w"].shape == (200_000,)
        assert (found["w"]._array == found["n"]).all()
        leftovers = [name for name in os.listdir(tmp_path) if name != "a.pt"]
        assert all(name.startswith(".a.pt.") and name.endswith(".tmp") for name in leftovers)
        cut += len(leftovers)
        for name in leftovers:
            (tmp_path / name).unlink()
    assert found["n"] > 0 or cut
