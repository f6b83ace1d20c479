"""The IDX reader: exact on good files, clear about every way in which a file can be bad."""

import gzip

import numpy as np
import pytest

from facula.vision.datasets.idx import IdxError, find_idx, read_idx, write_idx

IMAGES = np.arange(3 * 4 * 5, dtype=np.uint8).reshape(3, 4, 5)


@pytest.fixture
def good(tmp_path):
    path = tmp_path / "some-idx3-ubyte"
    write_idx(path, IMAGES)
    return path


@pytest.mark.parametrize("dtype", ["u1", "i1", "i2", "i4", "f4", "f8"])
@pytest.mark.parametrize("ending", ["", ".gz"])
@pytest.mark.parametrize("shape", [(7,), (2, 3), (0, 28, 28), (2, 1, 2, 3)])
def test_round_trip(tmp_path, dtype, ending, shape):
    array = (np.arange(np.prod(shape)) * 7 - 3).astype(dtype).reshape(shape)
    write_idx(tmp_path / f"x{ending}", array)
    back = read_idx(tmp_path / f"x{ending}", ndim=len(shape), dtype=dtype)
    assert back.dtype == np.dtype(dtype) and back.dtype.isnative
    assert back.shape == shape
    np.testing.assert_array_equal(back, array)
    assert back.flags.writeable


def test_bytes_are_those_of_the_format(tmp_path):
    write_idx(tmp_path / "x", np.array([[1, 258]], dtype=np.int32))
    assert (tmp_path / "x").read_bytes() == bytes.fromhex("00000c02 00000001 00000002 00000001 00000102")


def _refused(path, *words, **options):
    with pytest.raises(IdxError) as caught:
        read_idx(path, **options)
    message = str(caught.value)
    for word in (str(path), *words):
        assert word in message, message
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize("keep", [0, 1, 3])
def test_no_magic(good, keep):
    good.write_bytes(good.read_bytes()[:keep])
    _refused(good, "4 bytes", f"got {keep}")


@pytest.mark.parametrize("keep", [4, 7, 15])
def test_cut_in_the_header(good, keep):
    good.write_bytes(good.read_bytes()[:keep])
    _refused(good, "needs 16 bytes", f"got {keep}")


@pytest.mark.parametrize("lost", [1, 30, 60])
def test_truncated(good, lost):
    good.write_bytes(good.read_bytes()[:-lost])
    _refused(good, "(3, 4, 5)", "needs 60 data bytes", f"got only {60 - lost}")


def test_too_long(good):
    good.write_bytes(good.read_bytes() + b"\0")
    _refused(good, "needs 60 data bytes", "got more")


@pytest.mark.parametrize("magic", ["01000803", "00000703", "50415431", "89504e47", "1f8b0808"])
def test_wrong_magic(good, magic):
    good.write_bytes(bytes.fromhex(magic) + good.read_bytes()[4:])
    _refused(good, "magic number", bytes.fromhex(magic).hex(" "))


@pytest.mark.parametrize("count", [0, 9, 255])
def test_absurd_number_of_dimensions(good, count):
    good.write_bytes(bytes([0, 0, 8, count]) + bytes(4 * count))
    _refused(good, "number of dimensions", f"got {count}")


def test_other_dimensions_than_expected(good):
    _refused(good, "must be 1", "got 3", ndim=1)


def test_other_type_than_expected(good):
    _refused(good, "must be int32", "got uint8", dtype=np.int32)


def test_absurd_size_is_refused_before_memory_is_taken(good):
    good.write_bytes(bytes.fromhex("00000803") + b"\xff" * 12)
    _refused(good, "4294967295", "limit")


def test_header_that_promises_a_gigabyte(good):
    good.write_bytes(bytes.fromhex("00000801 40000000") + b"abc")
    _refused(good, "needs 1073741824 data bytes", "got only 3")


@pytest.mark.parametrize("damage", ["cut", "flip", "no gzip", "checksum"])
def test_damaged_compression(tmp_path, damage):
    path = tmp_path / "x.gz"
    write_idx(path, np.random.default_rng(0).integers(0, 9, (50, 28, 28)).astype(np.uint8))
    data = bytearray(path.read_bytes())
    if damage == "cut":
        data = data[: len(data) // 2]
    elif damage == "flip":
        data[20:40] = b"\xff" * 20
    elif damage == "checksum":
        data[-8] ^= 1
    else:
        data = bytearray(gzip.decompress(bytes(data)))
    path.write_bytes(data)
    _refused(path, "compressed data")


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_idx(tmp_path / "nothing")


def test_find(tmp_path):
    assert find_idx(tmp_path, "x") is None
    (tmp_path / "x.gz").write_bytes(b"")
    assert find_idx(tmp_path, "x") == tmp_path / "x.gz"
    (tmp_path / "x").mkdir()
    assert find_idx(tmp_path, "x") == tmp_path / "x.gz"  # a folder is not a file
    (tmp_path / "x").rmdir()
    (tmp_path / "x").write_bytes(b"")
    assert find_idx(tmp_path, "x") == tmp_path / "x"


@pytest.mark.parametrize("array", [np.zeros(2, np.int64), np.zeros(2, bool), np.uint8(3)])
def test_what_cannot_be_written(tmp_path, array):
    with pytest.raises(IdxError):
        write_idx(tmp_path / "x", array)
