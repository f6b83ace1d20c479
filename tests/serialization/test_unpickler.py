"""Streams that no honest program writes end in one of the two errors, and nothing that they name runs."""

from __future__ import annotations

import io
import os
import pickle
import random
import struct
import time
from collections import OrderedDict
from typing import Any

import pytest

from facula.errors import CorruptFileError, UnsafeFileError
from facula.serialization import load

DANGEROUS = [
    ("os", "system"),
    ("posix", "system"),
    ("nt", "system"),
    ("os", "popen"),
    ("subprocess", "Popen"),
    ("builtins", "eval"),
    ("builtins", "exec"),
    ("builtins", "getattr"),
    ("builtins", "open"),
    ("builtins", "__import__"),
    ("__builtin__", "eval"),
    ("__builtin__", "getattr"),
    ("__builtin__", "apply"),
    ("builtins", "type"),
    ("builtins", "object"),
    ("functools", "partial"),
    ("operator", "attrgetter"),
    ("copyreg", "_reconstructor"),
    ("importlib", "import_module"),
    ("pickle", "loads"),
    ("numpy", "load"),
    ("numpy.f2py.crackfortran", "getlincoef"),
    ("torch", "load"),
    ("torch.hub", "load"),
    ("torch._utils", "_import_dotted_name"),
    ("torch.nn.modules.linear", "Linear.__init__"),
    ("torch.nn.functional", "__builtins__"),
    ("torch.nn.functional", "np"),
    ("facula.serialization.api", "load"),
    ("facula._tensor", "Tensor"),
    ("webbrowser", "open"),
    ("antigravity", "anything"),
    ("this", "s"),
    ("", ""),
    ("__main__", "__builtins__"),
]


@pytest.mark.parametrize("name", DANGEROUS, ids=".".join)
@pytest.mark.parametrize("form", ["global", "stack_global", "call", "newobj", "build"])
def test_names_off_the_list_are_refused(name: tuple[str, str], form: str, refuse: Any) -> None:
    module, qualname = (part.encode() for part in name)
    named = b"c" + module + b"\n" + qualname + b"\n"
    if form == "stack_global":
        named = b"".join(b"\x8c" + bytes((len(part),)) + part for part in (module, qualname)) + b"\x93"
    tail = {
        "global": b"",
        "stack_global": b"",
        "call": b"X\x04\x00\x00\x00echo\x85R",
        "newobj": b")\x81",
        "build": b"}b",
    }[form]
    error = refuse(b"\x80\x04" + named + tail + b".")
    assert isinstance(error, UnsafeFileError)
    assert isinstance(error, pickle.UnpicklingError)
    assert f"'{name[0]}.{name[1]}'" in error.reason
    assert error.offset is not None


def test_the_error_says_where(tmp_path: Any, pack: Any) -> None:
    path = tmp_path / "model.pth"
    content = pack(b"\x80\x02}cos\nsystem\n.")
    path.write_bytes(content)
    with pytest.raises(UnsafeFileError) as caught:
        load(path)
    assert caught.value.path == str(path)
    assert content[caught.value.offset :].startswith(b"cos\nsystem\n")
    assert str(path) in str(caught.value) and "os.system" in str(caught.value)
    again = pickle.loads(pickle.dumps(caught.value))
    assert (again.path, again.reason, again.offset) == (
        caught.value.path,
        caught.value.reason,
        caught.value.offset,
    )


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_pickles_of_calls_are_refused(protocol: int, refuse: Any) -> None:
    class Bomb:
        def __reduce__(self) -> Any:
            return (os.getcwd, ())

    assert isinstance(refuse(pickle.dumps({"a": [Bomb()]}, protocol)), UnsafeFileError)


@pytest.mark.parametrize(
    "value",
    [
        {"a": [1, 2.5, "t", None, True, b"b"], "b": (1,), "c": {1, 2}, "d": frozenset({3})},
        list(range(3000)),
        2**90,
    ],
    ids=["mixed", "long", "big"],
)
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_plain_values_of_every_protocol_are_read(value: Any, protocol: int, pack: Any, read: Any) -> None:
    assert read(pack(pickle.dumps(value, protocol))) == value


@pytest.mark.parametrize(
    "stream",
    [
        b"",
        b".",
        b"\x80\x02.",
        b"\x80\x02N",
        b"\x80\x02NN.",
        b"\x80\x02(N.",
        b"\x80\x02N.N",
        b"\x80\x02t.",
        b"\x80\x02R.",
        b"\x80\x02Na.",
        b"\x80\x02NNa.",
        b"\x80\x02NNNs.",
        b"\x80\x02}(Nu.",
        b"\x80\x02}(NNNu.",
        b"\x80\x02]e.",
        b"\x80\x02e.",
        b"\x80\x02h\x00.",
        b"\x80\x02j\xff\xff\xff\xff.",
        b"\x80\x02q\x00.",
        b"\x80\x02\x85.",
        b"\x80\x02N\x87.",
        b"\x80\x02X\xff\xff\xff\xffa.",
        b"\x80\x02\x8d" + b"\xff" * 8 + b"a.",
        b"\x80\x02X\x01\x00\x00\x00\xff.",
        b"\x80\x02\x8b\xff\xff\xff\xff.",
        b"\x80\x02\x8b\xff\xff\xff\x7f.",
        b"\x80\x02\x96" + b"\xff" * 8 + b".",
        b"\x80\x02cos",
        b"\x80\x02c" + b"a" * 2000 + b"\nb\n.",
        b"\x80\x02c\xff\xfe\n\xff\n.",
        b"\x80\x02NN\x93.",
        b"\x80\x02}Q.",
        b"\x80\x02NQ.",
        b"\x80\x02NNR.",
        b"\x80\x02NNb.",
        b"\x80\x02]]b.",
        b"\x80\x020.",
        b"\x80\x021.",
        b"\x80\x02(((((.",
        b"\x80\x06N.",
        b"\x80\x01N.",
        b"\x80\x00N.",
        b"\x80\x02\x80\x02N.",
        b"N.\x80\x02",
    ],
    ids=repr,
)
def test_malformed_streams(stream: bytes, refuse: Any) -> None:
    refuse(stream)


def test_opcodes_off_the_list_are_refused(refuse: Any) -> None:
    for code in b"FILSVPgpidlo2\x82\x83\x84\x97\x98\x00\xff":
        error = refuse(b"\x80\x02(" + bytes((code,)) + b"1\n1\n.")
        assert isinstance(error, UnsafeFileError)
        assert "opcode" in error.reason


def test_a_name_is_no_value(refuse: Any) -> None:
    for stream in (b"ctorch\nSize\n.", b"]ctorch\nSize\na.", b"}ctorch\nSize\nNs.", b"}Nctorch\nSize\ns."):
        assert isinstance(refuse(b"\x80\x02" + stream), UnsafeFileError)


def test_a_name_is_no_attribute(stream: Any, refuse: Any) -> None:
    storage = stream.storage(("storage", stream.named("torch", "FloatStorage"), "0", "cpu", 1))
    args = (storage, 0, (1,), (1,), False, OrderedDict())
    function, cls = stream.named("torch._utils", "_rebuild_tensor_v2"), stream.named("torch", "Tensor")
    for state in (
        {"x": stream.named("torch", "Size")},
        {"x": [stream.named("torch", "Size")]},
        {"shape": 1},
        {1: 2},
    ):
        call = stream.call(stream.named("torch._tensor", "_rebuild_from_type_v2"), function, cls, args, state)
        assert isinstance(refuse(stream(call), {"0": b"\0" * 4}), UnsafeFileError)


def test_a_result_is_not_called(refuse: Any) -> None:
    size = b"ctorch\nSize\n(K\x01t\x85R"
    assert isinstance(refuse(b"\x80\x02" + size + b")R."), UnsafeFileError)
    assert isinstance(refuse(b"\x80\x02ctorch\nfloat32\n)R."), UnsafeFileError)


@pytest.mark.parametrize(
    ("name", "args"),
    [
        (("torch", "Size"), (["a"],)),
        (("torch", "Size"), (1, 2, 3)),
        (("torch", "Size"), ((1, True),)),
        (("torch", "device"), ("nonsense",)),
        (("torch", "device"), ("cpu", "x")),
        (("torch", "device"), (3,)),
        (("_codecs", "encode"), ("x", "rot13")),
        (("_codecs", "encode"), ("\u1234", "latin1")),
        (("_codecs", "encode"), (b"x", "latin1")),
        (("builtins", "bytearray"), (10**12,)),
        (("builtins", "bytes"), (10**12,)),
        (("builtins", "list"), ((1, 2),)),
        (("builtins", "int"), ("1" * 5000,)),
        (("builtins", "str"), (1,)),
        (("builtins", "complex"), ("1+2j",)),
        (("builtins", "set"), (5,)),
        (("builtins", "set"), ([[]],)),
        (("builtins", "range"), (1.5, 2, 3)),
        (("builtins", "slice"), ("a", "b", "c")),
        (("collections", "OrderedDict"), ([(1, 2, 3)],)),
        (("collections", "OrderedDict"), ("ab",)),
        (("collections", "Counter"), ("ab",)),
        (("collections", "defaultdict"), ("x",)),
        (("torch._utils", "_rebuild_tensor_v2"), ()),
        (("torch._utils", "_rebuild_tensor_v2"), (None, 0, (1,), (1,), False, OrderedDict())),
        (("torch._utils", "_rebuild_parameter"), (None, True, OrderedDict())),
        (("torch._tensor", "_rebuild_from_type_v2"), (None, None, None, None)),
        (("torch._utils", "_rebuild_sparse_tensor"), (None, None)),
        (("torch._utils", "_rebuild_meta_tensor_no_storage"), (None, (1,), (1,), False)),
        (("numpy", "dtype"), ("O8", False, True)),
        (("numpy", "dtype"), ("V8", False, True)),
        (("numpy", "dtype"), ("f8,f8", False, True)),
        (("numpy", "dtype"), ("U1000000000", False, True)),
        (("numpy", "dtype"), ("c2", False, True)),
        (("numpy.core.multiarray", "scalar"), ("f8", b"12345678")),
        (("numpy.core.multiarray", "_reconstruct"), ("x", (0,), b"b")),
    ],
    ids=lambda v: repr(v)[:60],
)
def test_wrong_arguments_of_known_names(name: tuple[str, str], args: Any, stream: Any, refuse: Any) -> None:
    refuse(stream(stream.call(stream.named(*name), *args)))


def test_a_defaultdict_takes_only_plain_factories(stream: Any, refuse: Any) -> None:
    for name in (("torch", "Size"), ("torch._utils", "_rebuild_tensor_v2"), ("torch", "FloatStorage")):
        call = stream.call(stream.named("collections", "defaultdict"), stream.named(*name))
        assert isinstance(refuse(stream(call)), UnsafeFileError)


def test_attributes_cannot_hide_methods(stream: Any, refuse: Any) -> None:
    for key in ("keys", "__class__", "items", "__dict__"):
        value = stream.call(stream.named("collections", "OrderedDict"), state={key: 1})
        assert isinstance(refuse(stream(value)), UnsafeFileError)


# ---- costs: a small file must be small work


def _timed(refuse: Any, stream: bytes) -> None:
    start = time.perf_counter()
    refuse(stream)
    assert time.perf_counter() - start < 5


def _tower(first: bytes, close: bytes) -> bytes:
    """Sixty levels, each of which holds the one below twice, leaving only the last on the stack."""
    levels = first + b"q\x00"
    for i in range(60):
        below = b"h" + bytes((i,))
        levels += close.replace(b"?", below) + b"q" + bytes((i + 1,))
    return b"(" + levels + b"1h\x3c"


def test_billion_laughs_as_a_key(refuse: Any) -> None:
    # ((a, a), (a, a)) ... has 2**60 leaves in 500 bytes; hashing it would take for ever.
    _timed(refuse, b"\x80\x02}" + _tower(b")", b"??\x86") + b"Ns.")


def test_billion_laughs_as_a_value_is_small(pack: Any, read: Any) -> None:
    # As a value it is only 60 lists: nothing multiplies.
    result = read(pack(b"\x80\x02" + _tower(b"]", b"](??e") + b"."))
    assert len(result) == 2 and result[0] is result[1]


def test_deep_keys_do_not_end_the_process(refuse: Any) -> None:
    _timed(refuse, b"\x80\x02})" + b"\x85" * 200_000 + b"Ns.")
    _timed(refuse, b"\x80\x02c__builtin__\nset\n]" + b")" + b"\x85" * 200_000 + b"a\x85R.")


@pytest.mark.parametrize(
    "wrap", [(b"]", b"a"), (b"(", b"t"), (b"}N", b"s"), (b"", b"\x85")], ids=["list", "mark", "dict", "tuple"]
)
@pytest.mark.parametrize("depth", [1500, 100_000])
def test_deep_nesting(wrap: tuple[bytes, bytes], depth: int, refuse: Any) -> None:
    _timed(refuse, b"\x80\x02" + wrap[0] * depth + b"N" + wrap[1] * depth + b".")


def test_moderate_nesting_is_read(pack: Any, read: Any) -> None:
    value = read(pack(b"\x80\x02" + b"]" * 500 + b"a" * 499 + b"."))
    for _ in range(499):
        value = value[0]
    assert value == []


def test_copying_one_list_many_times(refuse: Any) -> None:
    many = b"](" + b"K\x01" * 50_000 + b"eq\x000"
    _timed(refuse, b"\x80\x02](" + many + b"c__builtin__\nset\nh\x00\x85R" * 20_000 + b"e.")


def test_copying_one_text_many_times(refuse: Any) -> None:
    text = b"X" + struct.pack("<I", 1_000_000) + b"a" * 1_000_000 + b"X\x06\x00\x00\x00latin1\x86q\x000"
    _timed(refuse, b"\x80\x02](" + text + b"c_codecs\nencode\nh\x00R" * 100_000 + b"e.")


def test_a_huge_memo_index_costs_nothing(pack: Any, read: Any) -> None:
    assert read(pack(b"\x80\x02Nr\xff\xff\xff\xff0j\xff\xff\xff\xff.")) is None


# ---- chance


def test_random_changes_never_raise_anything_else(pack: Any, read: Any) -> None:
    """Changed bytes inside a stream with right checksums: our errors or a value, whatever they say."""
    from facula.serialization import save

    file = io.BytesIO()
    value = {"a": [1, 2.0, "three", (4, 5), {6}], "b": OrderedDict(x=b"bytes", y=1 + 2j), "n": 2**70}
    save(value, file)
    content = file.getvalue()
    start = content.index(b"\x80\x02")
    stream = content[start : content.index(b"PK\x07\x08")]
    assert read(pack(stream)) == value
    dice = random.Random(7)
    survived = 0
    for _ in range(3000):
        changed = bytearray(stream)
        for _ in range(dice.choice((1, 1, 1, 2, 5))):
            changed[dice.randrange(len(changed))] = dice.randrange(256)
        try:
            read(pack(bytes(changed)))
            survived += 1
        except (CorruptFileError, UnsafeFileError):
            pass
    assert 0 < survived < 3000
