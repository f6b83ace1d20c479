"""Running one piece of code with PyTorch and with Facula and comparing everything that can be seen of the
results.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

# Relative tolerance where results are sums in another order or library functions of other makers: a few
# units in
# the last place. The absolute tolerance is the same number times the largest magnitude.
TOLERANCE = {
    "float64": 2e-14, "float32": 3e-6, "float16": 2e-3, "bfloat16": 1.6e-2, "complex64": 4e-6,
    "complex128": 4e-14,
}  # fmt: skip


class Maker:
    """The names that a case's code may use; the same numbers for both libraries, drawn in the order of the
    calls.
    """

    def __init__(self, lib: Any, with_grad: bool) -> None:
        self.lib = lib
        self.with_grad = with_grad
        self.random = np.random.default_rng(7)
        self.leaves: list[Any] = []

    def names(self) -> dict[str, Any]:
        lib = self.lib
        found: dict[str, Any] = {
            "t": lib,
            "F": lib.nn.functional,
            "inf": float("inf"),
            "nan": float("nan"),
            "np": np,
        }
        for name, dtype in {
            "f": "float32",
            "d": "float64",
            "h": "float16",
            "bf": "bfloat16",
            "c": "complex64",
        }.items():
            found[name] = lambda *s, _d=dtype: self.leaf(self._normal(s, _d), _d)
        for name, dtype in {"i": "int64", "i32": "int32", "i16": "int16", "i8": "int8"}.items():
            found[name] = lambda *s, _d=dtype: self.leaf(self.random.integers(-5, 6, s), _d)
        found["u8"] = lambda *s: self.leaf(self.random.integers(0, 11, s), "uint8")
        found["b"] = lambda *s: self.leaf(self.random.integers(0, 2, s), "bool")
        found["p"] = lambda *s: self.leaf(self.random.uniform(0.1, 2, s), "float32")  # positive
        found["u"] = lambda *s: self.leaf(self.random.uniform(-0.9, 0.9, s), "float32")  # inside (-1, 1)
        found["ix"] = lambda n, *s: self.leaf(self.random.integers(0, n, s), "int64")  # indices below n
        found["few"] = lambda *s: self.leaf(
            self.random.integers(-2, 3, s), "float32"
        )  # floats with equal ones
        found["of"] = lambda data, dtype="float32": self.leaf(np.array(data), dtype)
        found["g"] = lambda *s: found["f"](*s).clone()  # not a leaf: may be changed in place
        found["gd"] = lambda *s: found["d"](*s).clone()
        return found

    def _normal(self, shape: tuple[int, ...], dtype: str) -> Any:
        x = self.random.standard_normal(shape)
        return x + 1j * self.random.standard_normal(shape) if dtype[0] == "c" else x

    def leaf(self, array: Any, dtype: str) -> Any:
        array = np.asarray(array)
        base = (
            np.complex64 if dtype == "complex64" else np.float64 if dtype == "bfloat16" else np.dtype(dtype)
        )
        x = self.lib.from_numpy(np.array(array, base)).to(getattr(self.lib, dtype))
        if self.with_grad and dtype in TOLERANCE:
            x.requires_grad_()
        self.leaves.append(x)
        return x


def run(lib: Any, code: str, with_grad: bool) -> tuple[Any, Maker]:
    """The value of the last expression of `code`, or the exception that it raised."""
    maker = Maker(lib, with_grad)
    names = maker.names()
    *statements, last = code.split("; ")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            for s in statements:
                exec(s, names)
            return eval(last, names), maker
        except (AttributeError, NameError, SyntaxError) as error:
            raise AssertionError(f"{lib.__name__}: {type(error).__name__}: {error}") from error
        except Exception as error:
            return error, maker


def is_tensor(x: Any) -> bool:
    return hasattr(x, "grad_fn")


def parts(value: Any) -> list[Any]:
    """Tensors and numbers in nested results."""
    if isinstance(value, (tuple, list)) and type(value).__name__ != "Size":
        return [p for v in value for p in parts(v)]
    return [value]


def to_numpy(x: Any) -> Any:
    x = x.detach()
    return (x.float() if str(x.dtype).endswith("bfloat16") else x).numpy(force=True)


def dtype_name(x: Any) -> str:
    return str(x.dtype).rpartition(".")[2]


def assert_equal(ours: Any, theirs: Any, exact: bool, what: str, loose: float) -> None:
    assert dtype_name(ours) == dtype_name(theirs), f"{what}: dtype {ours.dtype}, PyTorch {theirs.dtype}"
    assert tuple(ours.shape) == tuple(theirs.shape), (
        f"{what}: shape {tuple(ours.shape)}, PyTorch {tuple(theirs.shape)}"
    )
    a, b = to_numpy(ours), to_numpy(theirs)
    kind = dtype_name(theirs)
    if exact or kind not in TOLERANCE:
        assert np.array_equal(a, b, equal_nan=kind in TOLERANCE), f"{what}: {a!r}, PyTorch {b!r}"
        return
    finite = np.abs(b[np.isfinite(b)])
    tolerance = TOLERANCE[kind] * loose
    scale = float(finite.max()) if finite.size else 1.0
    assert np.allclose(a, b, tolerance, tolerance * scale, equal_nan=True), f"{what}: {a!r}, PyTorch {b!r}"


def shares(x: Any, leaves: list[Any]) -> bool:
    """Whether a result lies in the memory of an input."""
    place = x.untyped_storage().data_ptr()
    return x.numel() > 0 and any(place == y.untyped_storage().data_ptr() for y in leaves)


def agree(
    facula: Any,
    torch: Any,
    code: str,
    *,
    exact: bool,
    layout: bool = True,
    names: bool = True,
    loose: float = 1,
) -> None:
    """Fail unless both libraries do the same with `code`: values, dtypes, shapes, strides, views, grad_fn,
    gradients.
    """
    for with_grad in (False, True):
        ours, our_maker = run(facula, code, with_grad)
        theirs, their_maker = run(torch, code, with_grad)
        if isinstance(theirs, Exception) or isinstance(ours, Exception):
            same = type(ours) is type(theirs)
            assert same, f"{'grad: ' if with_grad else ''}ours {_short(ours)}, PyTorch {_short(theirs)}"
            continue
        assert (type(ours).__name__ == type(theirs).__name__) or is_tensor(theirs), (
            f"{type(ours)}, PyTorch {type(theirs)}"
        )
        a, b = parts(ours), parts(theirs)
        assert len(a) == len(b), f"{len(a)} results, PyTorch {len(b)}"
        if not any(is_tensor(y) and y.requires_grad for y in b) and with_grad:
            assert not any(is_tensor(x) and x.requires_grad for x in a), "ours requires grad"
            continue
        for n, (x, y) in enumerate(zip(a, b, strict=True)):
            if not is_tensor(y):
                assert repr(x).replace("facula.", "torch.") == repr(y), f"{x!r}, PyTorch {y!r}"
                continue
            assert_equal(x, y, exact, f"result {n}", loose)
            if layout and not with_grad and y.numel():
                strides = [s for s, m in zip(x.stride(), x.shape, strict=True) if m != 1]
                theirs_ = [s for s, m in zip(y.stride(), y.shape, strict=True) if m != 1]
                assert strides == theirs_, f"result {n}: strides {x.stride()}, PyTorch {y.stride()}"
                view, view_ = shares(x, our_maker.leaves), shares(y, their_maker.leaves)
                assert view == view_, f"result {n}: is view: {view}, PyTorch {view_}"
            if with_grad:
                assert x.requires_grad == y.requires_grad, (
                    f"result {n}: requires_grad {x.requires_grad}, PyTorch {y.requires_grad}"
                )
                if names:
                    name, name_ = type(x.grad_fn).__name__, type(y.grad_fn).__name__
                    assert name == name_, f"result {n}: {name}, PyTorch {name_}"
        if with_grad:
            _agree_on_gradients(facula, torch, a, b, our_maker.leaves, their_maker.leaves, exact, loose)


def _short(x: Any) -> str:
    return f"{type(x).__name__}: {str(x)[:150]}"


def _agree_on_gradients(
    facula: Any, torch: Any, a: Any, b: Any, leaves: Any, leaves_: Any, exact: bool, loose: float
) -> None:
    random = np.random.default_rng(3)
    pairs = [(x, y) for x, y in zip(a, b, strict=True) if is_tensor(y) and y.requires_grad]
    seeds = []
    for _, y in pairs:
        seed = np.asarray(random.standard_normal(tuple(y.shape)))
        if y.is_complex():
            seed = np.asarray(seed * (1 + 0.5j))
        seeds.append([lib.from_numpy(seed).to(getattr(lib, dtype_name(y))) for lib in (facula, torch)])
    wanted = [n for n, x in enumerate(leaves_) if x.requires_grad]
    found = []
    for lib, outputs, inputs, side in (
        (facula, [p[0] for p in pairs], leaves, 0),
        (torch, [p[1] for p in pairs], leaves_, 1),
    ):
        try:
            found.append(
                lib.autograd.grad(
                    outputs, [inputs[n] for n in wanted], [s[side] for s in seeds], allow_unused=True
                )
            )
        except (RuntimeError, NotImplementedError) as error:
            found.append(error)
    if isinstance(found[0], Exception) or isinstance(found[1], Exception):
        assert isinstance(found[0], type(found[1])), (
            f"gradients: ours {_short(found[0])}, PyTorch {_short(found[1])}"
        )
        return
    for n, x, y in zip(wanted, *found, strict=True):
        if (x is None) != (y is None):
            # Nothing flows back either way: PyTorch has zeros or None depending on which of its kernels ran.
            assert not np.any(to_numpy(x if y is None else y)), f"gradient of input {n}: {x}, PyTorch {y}"
        elif y is not None:
            assert_equal(x, y, exact, f"gradient of input {n}", 4 * loose)


Agree = Callable[..., None]


@pytest.fixture(name="agree", scope="session")
def agree_fixture() -> Agree:
    """`agree(code, exact=..., layout=True, names=True, loose=1)`."""
    torch = pytest.importorskip("torch")
    import facula
    import facula.nn.functional

    def check(code: str, **options: Any) -> None:
        agree(facula, torch, code, **options)

    return check
