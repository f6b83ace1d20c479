"""The zip container: what it looks like, and what happens when it is damaged on purpose."""

from __future__ import annotations

import io
import struct
import zipfile
from collections import OrderedDict
from typing import Any

import numpy as np
import pytest

from facula._tensor import wrap
from facula.errors import CorruptFileError, UnsafeFileError
from facula.serialization import save
from facula.serialization.archive import ArchiveReader, ArchiveWriter
from facula.serialization.source import Source


@pytest.fixture(scope="module")
def small() -> bytes:
    file = io.BytesIO()
    save(OrderedDict(w=wrap(np.arange(3, dtype=np.float32)), n=3), file)
    return file.getvalue()


def _same(value: Any) -> bool:
    return list(value) == ["w", "n"] and value["n"] == 3 and value["w"].tolist() == [0, 1, 2]


def test_layout(small: bytes) -> None:
    archive = zipfile.ZipFile(io.BytesIO(small))
    assert archive.namelist() == [
        "archive/data.pkl",
        "archive/.format_version",
        "archive/.storage_alignment",
        "archive/byteorder",
        "archive/data/0",
        "archive/version",
        "archive/.data/serialization_id",
    ]
    assert archive.testzip() is None
    assert all(info.compress_type == zipfile.ZIP_STORED for info in archive.infolist())
    assert archive.read("archive/version") == b"3\n"
    assert archive.read("archive/.storage_alignment") == b"64"
    reader = ArchiveReader(Source(io.BytesIO(small), "x"))
    for name in reader.names():
        at = reader.position(name)
        assert at % 64 == 0
        assert small[at : at + reader.size(name)] == archive.read(f"archive/{name}") == reader.read(name)


def test_equal_values_give_equal_files(small: bytes) -> None:
    file = io.BytesIO()
    save(OrderedDict(w=wrap(np.arange(3, dtype=np.float32)), n=3), file)
    assert file.getvalue() == small


def test_truncated_at_every_byte(small: bytes, read: Any) -> None:
    for length in range(len(small)):
        with pytest.raises((CorruptFileError, UnsafeFileError)):
            read(small[:length])


def test_every_bit_flipped(small: bytes, read: Any) -> None:
    """Each flip is noticed or does not matter (padding, dates, versions and the record that nobody reads)."""
    noticed = 0
    for i in range(len(small)):
        changed = bytearray(small)
        for bit in range(8):
            changed[i] = small[i] ^ (1 << bit)
            try:
                assert _same(read(bytes(changed)))
            except (CorruptFileError, UnsafeFileError):
                noticed += 1
    assert noticed > 0.4 * 8 * len(small)


def test_bytes_in_front_and_behind(small: bytes, read: Any) -> None:
    for content in (small + b"\0", b"\0" + small, small + small, b"PK\3\4" + small):
        with pytest.raises((CorruptFileError, UnsafeFileError)):
            read(content)


def _zip(records: dict[str, bytes], **options: Any) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", **options) as archive:
        for name, content in records.items():
            archive.writestr(name, content)
    return file.getvalue()


GOOD = {"archive/data.pkl": b"\x80\x02K\x05.", "archive/version": b"3\n"}


def test_archives_of_other_programs(read: Any) -> None:
    assert read(_zip(GOOD)) == 5


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (_zip(GOOD, compression=zipfile.ZIP_DEFLATED), "compressed"),
        (_zip({**GOOD, "archive/../x": b""}), "not allowed"),
        (_zip({**GOOD, "/archive/x": b""}), "not allowed"),
        (_zip({**GOOD, "archive/./x": b""}), "not allowed"),
        (_zip({**GOOD, "archive//x": b""}), "not allowed"),
        (_zip({**GOOD, "archive\\..\\x": b""}), "not allowed"),
        (_zip({**GOOD, "x": b""}), "not allowed"),
        (_zip({**GOOD, "archive/": b""}), "not allowed"),
        (_zip({**GOOD, "other/x": b""}), "archive names"),
        (_zip({"archive/version": b"3\n"}), "data.pkl"),
        (_zip({}), "does not start"),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_archives_that_are_refused(content: bytes, reason: str, read: Any) -> None:
    with pytest.raises((CorruptFileError, UnsafeFileError), match=reason):
        read(content)


def test_a_comment_is_refused(read: Any) -> None:
    # The end is found at the end only: a second directory inside a comment cannot compete with it.
    file = io.BytesIO(_zip(GOOD))
    with zipfile.ZipFile(file, "a") as archive:
        archive.comment = b"hello"
    with pytest.raises(CorruptFileError):
        read(file.getvalue())


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_duplicates_are_refused(read: Any) -> None:
    file = io.BytesIO(_zip(GOOD))
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02K\x06.")
    with pytest.raises(UnsafeFileError, match="twice"):
        read(file.getvalue())


def test_encryption_is_refused(read: Any) -> None:
    content = bytearray(_zip(GOOD))
    at = content.index(b"PK\1\2")
    content[at + 8] |= 1
    with pytest.raises(UnsafeFileError, match="encrypted"):
        read(bytes(content))


def _entries(content: bytes) -> list[int]:
    start = struct.unpack("<I", content[-6:-2])[0]
    positions = []
    while content[start : start + 4] == b"PK\1\2":
        positions.append(start)
        lengths = struct.unpack("<HHH", content[start + 28 : start + 34])
        start += 46 + sum(lengths)
    return positions


def test_overlapping_records_are_refused(small: bytes, read: Any) -> None:
    # Two entries that share one record's bytes: how a small file claims to hold much.
    content = bytearray(small)
    first, second = _entries(small)[:2]
    content[second + 42 : second + 46] = content[first + 42 : first + 46]
    with pytest.raises((CorruptFileError, UnsafeFileError)):
        read(bytes(content))


@pytest.mark.parametrize("field", [20, 24, 42], ids=["packed", "size", "position"])
@pytest.mark.parametrize("value", [0, 1, 0x7FFFFFFF, 0xFFFFFFFE, 0xFFFFFFFF])
def test_lying_directory(field: int, value: int, small: bytes, read: Any) -> None:
    for entry in _entries(small):
        content = bytearray(small)
        content[entry + field : entry + field + 4] = struct.pack("<I", value)
        if content == small:
            continue
        with pytest.raises((CorruptFileError, UnsafeFileError)):
            read(bytes(content))


def test_other_kinds_of_files(read: Any) -> None:
    for content in (b"", b"P", b"PK", b"hello world", b"\x80\x02}.", b"\0" * 1000, b"PK\5\6" + b"\0" * 18):
        with pytest.raises(CorruptFileError):
            read(content)


def test_the_old_format_and_torchscript_are_named(read: Any) -> None:
    with pytest.raises(NotImplementedError, match=r"before PyTorch 1\.6"):
        read(b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.")
    with pytest.raises(NotImplementedError, match="TorchScript"):
        read(_zip({**GOOD, "archive/constants.pkl": b"\x80\x02)."}))


def test_records_beyond_32_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    """The 64-bit fields, tried on small records by moving the limit down; zipfile agrees with the result."""
    from facula.serialization import archive as module

    monkeypatch.setattr(module, "_LIMIT32", 100)
    file = io.BytesIO()
    writer = ArchiveWriter(file, "a")
    for name, content in (("x", b"1" * 500), ("y", b"2"), ("z", b"3" * 100)):
        writer.write_record(name, content)
    writer.close()
    content = file.getvalue()
    assert content.count(b"\xff" * 8) >= 3  # the marks of x and z, in both headers
    archive = zipfile.ZipFile(file)
    assert archive.testzip() is None and archive.getinfo("a/x").file_size == 500
    reader = ArchiveReader(Source(file, "x"))
    assert (reader.read("x"), reader.read("y"), reader.read("z")) == (b"1" * 500, b"2", b"3" * 100)
    for at in range(len(content)):
        with pytest.raises((CorruptFileError, UnsafeFileError)):
            ArchiveReader(Source(io.BytesIO(content[:at]), "x"))
