"""The IDX format of MNIST and its relatives: big-endian header, then the raw array.

Byte 0 and 1 are zero, byte 2 is the element type, byte 3 the number of dimensions, then one 32-bit
big-endian size per dimension (source: the format description on the MNIST home page). The reader is
strict: a file that is not exactly what its header says is refused, because a silently shortened or
shifted image file trains a network on nonsense.
"""

from __future__ import annotations

import gzip
import math
import os
import zlib
from pathlib import Path
from typing import IO

import numpy as np

# Element types of the format; everything in a file is big-endian.
_DTYPES: dict[int, np.dtype] = {
    0x08: np.dtype(np.uint8),
    0x09: np.dtype(np.int8),
    0x0B: np.dtype(">i2"),
    0x0C: np.dtype(">i4"),
    0x0D: np.dtype(">f4"),
    0x0E: np.dtype(">f8"),
}
_CODES = {np.dtype(dtype).newbyteorder("="): code for code, dtype in _DTYPES.items()}

# A header may claim anything; nothing of this kind is larger than a few hundred megabytes.
MAX_BYTES = 1 << 31
MAX_DIMENSIONS = 8


class IdxError(ValueError):
    """A file that is not a valid IDX file, or not the one that was expected."""


def find_idx(folder: str | os.PathLike, name: str) -> Path | None:
    """The path of `name` in `folder`, raw or with `.gz`; None when there is neither."""
    for candidate in (Path(folder, name), Path(folder, name + ".gz")):
        if candidate.is_file():
            return candidate
    return None


def read_idx(
    path: str | os.PathLike, ndim: int | None = None, dtype: np.dtype | type | None = None
) -> np.ndarray:
    """Read an IDX file (compressed if its name ends in `.gz`) into a new, writable array in native byte
    order.

    Raises IdxError naming the file and the broken rule: magic, element type (against `dtype` if given),
    number of dimensions (against `ndim` if given), size larger than 2 GiB, data shorter or longer than the
    header says, damaged compression.

    >>> import tempfile, os
    >>> path = os.path.join(tempfile.mkdtemp(), "labels-idx1-ubyte")
    >>> write_idx(path, np.array([3, 1, 2], dtype=np.uint8))
    >>> read_idx(path, ndim=1)
    array([3, 1, 2], dtype=uint8)
    """
    path = Path(path)
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else open(path, "rb") as file:
            return _read(file, path, ndim, None if dtype is None else np.dtype(dtype))
    except (gzip.BadGzipFile, zlib.error) as error:
        raise IdxError(f"[read_idx] {path}: the compressed data is damaged: {error}") from error
    except EOFError as error:
        raise IdxError(f"[read_idx] {path}: the compressed data ends too early") from error


def _read(
    file: IO[bytes] | gzip.GzipFile, path: Path, ndim: int | None, dtype: np.dtype | None
) -> np.ndarray:
    magic = file.read(4)
    if len(magic) < 4:
        raise IdxError(f"[read_idx] {path}: a header of at least 4 bytes is needed: got {len(magic)} bytes")
    if magic[:2] != b"\0\0" or magic[2] not in _DTYPES:
        raise IdxError(
            f"[read_idx] {path}: the magic number must be 00 00, a type code of "
            f"{', '.join(f'{code:02x}' for code in _DTYPES)}, and the number of dimensions: "
            f"got {magic.hex(' ')}"
        )
    stored = _DTYPES[magic[2]]
    native = stored.newbyteorder("=")
    if dtype is not None and native != dtype:
        raise IdxError(f"[read_idx] {path}: the element type must be {dtype}: got {native}")
    if not 1 <= magic[3] <= MAX_DIMENSIONS or (ndim is not None and magic[3] != ndim):
        wanted = f"from 1 to {MAX_DIMENSIONS}" if ndim is None else ndim
        raise IdxError(f"[read_idx] {path}: the number of dimensions must be {wanted}: got {magic[3]}")
    sizes = file.read(4 * magic[3])
    if len(sizes) < 4 * magic[3]:
        raise IdxError(
            f"[read_idx] {path}: the header of {magic[3]} dimensions needs {4 + 4 * magic[3]} bytes: "
            f"got {4 + len(sizes)}"
        )
    shape = tuple(int.from_bytes(sizes[i : i + 4], "big") for i in range(0, len(sizes), 4))
    expected = math.prod(shape) * stored.itemsize
    if expected > MAX_BYTES:
        raise IdxError(f"[read_idx] {path}: shape {shape} needs {expected} bytes: the limit is {MAX_BYTES}")
    # Read one byte more than promised: a longer file is as suspicious as a shorter one. Memory is taken only
    # for what is there, so a header that lies about the size costs nothing.
    data = bytearray()
    if not isinstance(file, gzip.GzipFile) and os.fstat(file.fileno()).st_size == file.tell() + expected:
        data = bytearray(expected)  # the ordinary case, in one go
        del data[file.readinto(data) :]  # type: ignore[attr-defined]
    while len(data) <= expected:
        chunk = file.read(min(expected + 1 - len(data), 1 << 24))
        if not chunk:
            break
        data += chunk
    if len(data) != expected:
        got = f"only {len(data)}" if len(data) < expected else "more"
        raise IdxError(f"[read_idx] {path}: shape {shape} of {native} needs {expected} data bytes: got {got}")
    array = np.frombuffer(data, dtype=stored).reshape(shape)
    return array if array.dtype.isnative else array.astype(native)


def write_idx(path: str | os.PathLike, array: np.ndarray) -> None:
    """Write `array` (uint8, int8, int16, int32, float32, float64; 1 to 8 dimensions) as an IDX file.

    A name that ends in `.gz` is compressed. Raises IdxError for another dtype or number of dimensions.
    """
    array = np.asarray(array)
    code = _CODES.get(array.dtype.newbyteorder("="))
    if code is None:
        raise IdxError(
            f"[write_idx] the element type must be one of {[str(d) for d in _CODES]}: got {array.dtype}"
        )
    if not 1 <= array.ndim <= MAX_DIMENSIONS:
        raise IdxError(
            f"[write_idx] the number of dimensions must be from 1 to {MAX_DIMENSIONS}: got {array.ndim}"
        )
    header = bytes([0, 0, code, array.ndim]) + b"".join(size.to_bytes(4, "big") for size in array.shape)
    with gzip.open(path, "wb") if str(path).endswith(".gz") else open(path, "wb") as file:
        file.write(header + array.astype(_DTYPES[code]).tobytes())
