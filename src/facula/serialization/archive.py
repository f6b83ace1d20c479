"""Reading and writing the container of PyTorch's files: an uncompressed zip archive with aligned records.

The layout is the one of PKWARE's APPNOTE 6.3 (https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT),
sections 4.3 to 4.5; names below in capitals are its structures. What PyTorch adds: every record's name starts
with the archive's name and a slash, and padding in an extra field ("FB") puts every record's data at a
multiple of 64.

The reader trusts nothing: it accepts only stored, unencrypted, non-overlapping records whose two headers
agree.
"""

from __future__ import annotations

import struct
import zlib
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from ..errors import CorruptFileError, UnsafeFileError
from .source import Source

ALIGNMENT = 64
# From this size on a field holds this mark, and the 64-bit field beside it the number.
_LIMIT32 = _MARK32 = 0xFFFFFFFF
_LIMIT16 = 0xFFFF
_LOCAL = struct.Struct("<4sHHHHHIIIHH")
_CENTRAL = struct.Struct("<4sHHHHHHIIIHHHHHII")
_END = struct.Struct("<4sHHHHIIH")
_END64 = struct.Struct("<4sQHHIIQQQQ")
_LOCATOR64 = struct.Struct("<4sIQI")
_DESCRIPTOR = struct.Struct("<4sIII")
_DESCRIPTOR64 = struct.Struct("<4sIQQ")
_FLAG_ENCRYPTED = 0x0001 | 0x0040 | 0x2000
_FLAG_DESCRIPTOR = 0x0008
_FLAG_UTF8 = 0x0800


def _flags(size: int) -> int:
    # An empty record's header says everything already.
    return _FLAG_UTF8 | _FLAG_DESCRIPTOR if size else _FLAG_UTF8


class _Record(NamedTuple):
    name: bytes
    crc: int
    size: int
    header: int


class ArchiveWriter:
    """Writes records one after another; `close` adds the directory. `prefix` is the archive's name.

    Sizes and checksums follow the data (a DATA DESCRIPTOR), as in PyTorch's files: tools that compute where a
    record starts from the order and the sizes find ours too.
    """

    def __init__(self, file: BinaryIO, prefix: str) -> None:
        self._file = file
        self._prefix = prefix
        self._records: list[_Record] = []
        self._position = 0

    def write_record(self, name: str, data: Any) -> None:
        """Append one record; `data` is anything with a contiguous buffer."""
        content = memoryview(data).cast("B")
        raw_name = f"{self._prefix}/{name}".encode()
        header = self._position
        large = content.nbytes >= _LIMIT32
        # A 64-bit descriptor must be announced by a zip64 field in the local header.
        zip64 = struct.pack("<HHQQ", 1, 16, 0, 0) if large else b""
        start = header + _LOCAL.size + len(raw_name) + len(zip64) + 4
        padding = -start % ALIGNMENT
        extra = zip64 + struct.pack("<2sH", b"FB", padding) + b"Z" * padding
        sizes = _MARK32 if large else 0
        flags = _flags(content.nbytes)
        self._write(
            _LOCAL.pack(
                b"PK\3\4", 45 if large else 0, flags, 0, 0, 0, 0, sizes, sizes,
                len(raw_name), len(extra),
            )
        )  # fmt: skip
        self._write(raw_name)
        self._write(extra)
        crc = zlib.crc32(content)
        self._write(content)
        if flags & _FLAG_DESCRIPTOR:
            descriptor = _DESCRIPTOR64 if large else _DESCRIPTOR
            self._write(descriptor.pack(b"PK\7\x08", crc, content.nbytes, content.nbytes))
        self._records.append(_Record(raw_name, crc, content.nbytes, header))

    def checksum(self) -> tuple[int, int]:
        """Two numbers that depend on the names and on the contents of all records so far."""
        names = zlib.crc32(b"\0".join(r.name for r in self._records))
        return names, zlib.crc32(b"".join(struct.pack("<I", r.crc) for r in self._records))

    def close(self) -> None:
        """Write the CENTRAL DIRECTORY and the END records; the file itself stays open."""
        start = self._position
        for record in self._records:
            self._write_central(record)
        size = self._position - start
        count = len(self._records)
        # The 64-bit end record is written always, as PyTorch does.
        position = self._position
        self._write(_END64.pack(b"PK\6\6", _END64.size - 12, 0x031E, 45, 0, 0, count, count, size, start))
        self._write(_LOCATOR64.pack(b"PK\6\7", 0, position, 1))
        self._write(
            _END.pack(
                b"PK\5\6", 0, 0, min(count, _LIMIT16), min(count, _LIMIT16), min(size, _MARK32),
                min(start, _MARK32), 0,
            )
        )  # fmt: skip

    def _write_central(self, record: _Record) -> None:
        wide = b""
        size, header = record.size, record.header
        if size >= _LIMIT32:
            wide += struct.pack("<QQ", size, size)
            size = _MARK32
        if header >= _LIMIT32:
            wide += struct.pack("<Q", header)
            header = _MARK32
        extra = struct.pack("<HH", 1, len(wide)) + wide if wide else b""
        self._write(
            _CENTRAL.pack(
                b"PK\1\2", 0, 45 if wide else 0, _flags(record.size), 0, 0, 0, record.crc, size, size,
                len(record.name), len(extra), 0, 0, 0, 0, header,
            )
        )  # fmt: skip
        self._write(record.name)
        self._write(extra)

    def _write(self, data: Any) -> None:
        self._file.write(data)
        self._position += len(data)


class ArchiveReader:
    """The records of an archive. Headers are checked at the start, a record's checksum when it is read."""

    def __init__(self, source: Source) -> None:
        self.source = source
        start, size, count = self._find_directory()
        records = self._read_directory(start, size, count)
        self._records: dict[str, tuple[int, _Record]] = {}
        position = 0
        for record in sorted(records, key=lambda r: r.header):
            if record.header < position:
                raise self._corrupt(f"the record {record.name!r} overlaps the one before it", record.header)
            data, position = self._check_local(record, start)
            self._records[record.name.decode()] = (data, record)
        self.prefix = self._common_prefix()

    def __contains__(self, name: str) -> bool:
        return f"{self.prefix}/{name}" in self._records

    def size(self, name: str) -> int:
        """Bytes of a record; CorruptFileError if there is none of this name."""
        return self._find(name)[1].size

    def read(self, name: str) -> bytes:
        """A record's content."""
        data, record = self._find(name)
        return self._checked(self.source.read(data, record.size), record, data)

    def read_array(self, name: str, *, check: bool = True) -> np.ndarray[Any, Any]:
        """A record's content as a writable uint8 array; `check=False` leaves the checksum out."""
        data, record = self._find(name)
        array = self.source.read_array(data, record.size)
        return self._checked(array, record, data) if check else array

    def position(self, name: str) -> int:
        """Where a record's data starts in the file."""
        return self._find(name)[0]

    def names(self) -> list[str]:
        """The records' names, without the archive's own."""
        return [name[len(self.prefix) + 1 :] for name in self._records]

    def _find(self, name: str) -> tuple[int, _Record]:
        found = self._records.get(f"{self.prefix}/{name}")
        if found is None:
            raise self._corrupt(f"the record {name!r} is missing")
        return found

    def _checked(self, content: Any, record: _Record, data: int) -> Any:
        if zlib.crc32(content) != record.crc:
            raise self._corrupt(f"the checksum of the record {record.name!r} is wrong", data)
        return content

    def _corrupt(self, reason: str, offset: int | None = None) -> CorruptFileError:
        return CorruptFileError(self.source.name, reason, offset)

    def _unsafe(self, reason: str, offset: int | None = None) -> UnsafeFileError:
        return UnsafeFileError(self.source.name, reason, offset)

    def _find_directory(self) -> tuple[int, int, int]:
        """Position, bytes and number of entries of the CENTRAL DIRECTORY."""
        size = self.source.size
        end = size - _END.size
        # PyTorch writes no archive comment, so the END record is the last thing in the file.
        if end < 0:
            raise self._corrupt(f"the file has only {size} bytes: it is cut short or not a zip archive")
        signature, disk, first_disk, here, count, bytes_, start, comment = _END.unpack(
            self.source.read(end, _END.size)
        )
        if signature != b"PK\5\6" or comment != 0:
            raise self._corrupt(
                "the archive does not end with its directory: it is cut short or damaged", end
            )
        if disk or first_disk or here != count:
            raise self._corrupt("the archive is split over several files", end)
        found = (count, bytes_, start)
        at = end - _LOCATOR64.size
        locator = self.source.read(at, _LOCATOR64.size) if at >= 0 else b""
        if locator[:4] == b"PK\6\7":
            wide = self._read_end64(locator, at)
            for value, limit, wide_value in zip(found, (_LIMIT16, _MARK32, _MARK32), wide, strict=True):
                if value not in (wide_value, limit):
                    raise self._corrupt("the two end records differ", end)
            found = wide
            end = at - _END64.size
        count, bytes_, start = found
        if start + bytes_ != end:
            raise self._corrupt("the directory does not end where the end record starts", end)
        return start, bytes_, count

    def _read_end64(self, locator: bytes, at: int) -> tuple[int, int, int]:
        """Entries, bytes and position of the directory from the ZIP64 END OF CENTRAL DIRECTORY RECORD."""
        _, disk, position, disks = _LOCATOR64.unpack(locator)
        if disk or disks != 1 or position + _END64.size != at:
            raise self._corrupt("the 64-bit end record is missing or damaged", at)
        fields = _END64.unpack(self.source.read(position, _END64.size))
        signature, length, _, _, disk, first_disk, here, count, bytes_, start = fields
        if signature != b"PK\6\6" or length != _END64.size - 12 or disk or first_disk or here != count:
            raise self._corrupt("the 64-bit end record is damaged", position)
        return count, bytes_, start

    def _read_directory(self, start: int, size: int, count: int) -> list[_Record]:
        if count * _CENTRAL.size > size:
            raise self._corrupt(f"the directory is too small for its {count} entries", start)
        directory = self.source.read(start, size)
        records: list[_Record] = []
        seen: set[bytes] = set()
        at = 0
        for _ in range(count):
            if at + _CENTRAL.size > size:
                raise self._corrupt("the directory is cut short", start + at)
            fields = _CENTRAL.unpack_from(directory, at)
            signature, _, _, flags, method, _, _, crc, packed, length, n_name, n_extra, n_comment = fields[
                :13
            ]
            disk, _, _, header = fields[13:]
            name_at = at + _CENTRAL.size
            following = name_at + n_name + n_extra + n_comment
            if signature != b"PK\1\2" or disk or following > size:
                raise self._corrupt("an entry of the directory is damaged", start + at)
            name = directory[name_at : name_at + n_name]
            extra = directory[name_at + n_name : name_at + n_name + n_extra]
            self._check_name(name, start + name_at)
            if name in seen:
                raise self._unsafe(f"the record {name!r} is there twice", start + at)
            seen.add(name)
            self._check_kind(name, flags, method, start + at)
            packed, length, header = self._widen(extra, packed, length, header, start + at)
            if packed != length:
                raise self._corrupt(f"the record {name!r} has two different sizes", start + at)
            records.append(_Record(name, crc, length, header))
            at = following
        if at != size:
            raise self._corrupt("there is something between the directory and the end record", start + at)
        return records

    def _check_kind(self, name: bytes, flags: int, method: int, offset: int) -> None:
        if flags & _FLAG_ENCRYPTED:
            raise self._unsafe(f"the record {name!r} is encrypted", offset)
        if method != 0:
            raise self._unsafe(f"the record {name!r} is compressed", offset)

    def _check_name(self, name: bytes, offset: int) -> None:
        try:
            text = name.decode()
        except UnicodeDecodeError as error:
            raise self._corrupt("a record's name is not UTF-8", offset) from error
        parts = text.split("/")
        # Names are never used as paths here; a file with such a name is still not one that PyTorch writes.
        if "\0" in text or "\\" in text or ".." in parts or "." in parts or "" in parts or len(parts) < 2:
            raise self._unsafe(f"the record name {text!r} is not allowed", offset)

    def _widen(
        self, extra: bytes, packed: int, length: int, header: int, offset: int
    ) -> tuple[int, int, int]:
        """Replace the fields that are at their limit by the 64-bit ones of the ZIP64 EXTENDED INFORMATION."""
        if _MARK32 not in (packed, length, header):
            return packed, length, header
        at = 0
        while at + 4 <= len(extra):
            kind, n = struct.unpack_from("<HH", extra, at)
            if kind == 1 and at + 4 + n <= len(extra):
                values = list(struct.unpack_from(f"<{n // 8}Q", extra, at + 4))
                wide = []
                # The order is fixed: size, packed size, position; only those at their limit are present.
                for value in (length, packed, header):
                    if value == _MARK32:
                        if not values:
                            break
                        value = values.pop(0)
                    wide.append(value)
                if len(wide) == 3:
                    return wide[1], wide[0], wide[2]
            at += 4 + n
        raise self._corrupt("a 64-bit size is missing", offset)

    def _check_local(self, record: _Record, directory: int) -> tuple[int, int]:
        """Compare the LOCAL FILE HEADER with the directory; returns where the data starts and ends."""
        at = record.header
        if at + _LOCAL.size > directory:
            raise self._corrupt(f"the record {record.name!r} starts behind the last one", at)
        fields = _LOCAL.unpack(self.source.read(at, _LOCAL.size))
        signature, _, flags, method, _, _, crc, packed, length, n_name, n_extra = fields
        data = at + _LOCAL.size + n_name + n_extra
        if signature != b"PK\3\4" or data + record.size > directory:
            raise self._corrupt(f"the header of the record {record.name!r} is damaged", at)
        if self.source.read(at + _LOCAL.size, n_name) != record.name:
            raise self._corrupt(f"the record {record.name!r} has two different names", at)
        self._check_kind(record.name, flags, method, at)
        end = data + record.size
        if not flags & _FLAG_DESCRIPTOR:
            small = min(record.size, _MARK32)
            if (crc, packed, length) != (record.crc, small, small):
                raise self._corrupt(f"the two headers of the record {record.name!r} differ", at)
            return data, end
        # The 64-bit form is also used for small records that start behind 4 GiB.
        for layout in (_DESCRIPTOR, _DESCRIPTOR64):
            if end + layout.size <= directory:
                found = layout.unpack(self.source.read(end, layout.size))
                if found == (b"PK\7\x08", record.crc, record.size, record.size):
                    return data, end + layout.size
        raise self._corrupt(f"the sizes after the record {record.name!r} differ from the directory's", end)

    def _common_prefix(self) -> str:
        """The archive's own name: the first part of every record's name."""
        prefixes = {name.split("/", 1)[0] for name in self._records}
        if len(prefixes) != 1:
            raise self._corrupt(
                f"the records' names start with {len(prefixes)} different archive names, not with one"
            )
        return prefixes.pop()
