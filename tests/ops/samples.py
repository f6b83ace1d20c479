"""One record for each op: inputs, attributes and a reference in NumPy or SciPy. Every check of an op starts here."""

# ruff: noqa: E501 - a table: one record to a line
from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass
class Record:
    """What is known about one op.

    arguments: for each sample its positional arguments: float64 arrays are what gradients are checked for.
    reference: the same function of the same arguments in plain NumPy; exact agreement is not expected.
    elementwise: every output element depends on the input elements in its place, so the op takes any shape.
    flat: the gradient is zero or undefined as a function of some arguments (their positions): no finite differences.
    second: False where the second derivative does not exist at the samples.
    halves: whether the op is asked to work in float16 and bfloat16 too.
    own_dtype: the result's dtype does not follow the inputs'.
    tolerance: how exact the reference is.
    """

    arguments: list[tuple[Any, ...]]
    reference: Callable[..., Any]
    elementwise: bool = False
    flat: tuple[int, ...] = ()
    second: bool = True
    halves: bool = True
    own_dtype: bool = False
    tolerance: float = 1e-12


RECORDS: dict[str, Record] = {}


@dataclass
class _Numbers:
    """Numbers that do not change from run to run."""

    random: np.random.Generator = field(default_factory=lambda: np.random.default_rng(5))

    def normal(self, *shape: int) -> Any:
        return np.asarray(self.random.standard_normal(shape))

    def positive(self, *shape: int) -> Any:
        return np.asarray(self.random.uniform(0.3, 2.0, shape))

    def inside(self, *shape: int) -> Any:
        return np.asarray(self.random.uniform(-0.8, 0.8, shape))

    def apart(self, *shape: int) -> Any:
        """Different numbers of both signs, none near another one, an integer or a half."""
        n = math.prod(shape)
        return np.asarray(self.random.permutation((np.arange(n) - n // 2) * 0.29 + 0.131).reshape(shape))

    def index(self, n: int, *shape: int) -> Any:
        return np.asarray(self.random.integers(0, n, shape))

    def bools(self, *shape: int) -> Any:
        return np.asarray(self.random.integers(0, 2, shape).astype(bool))

    def integers(self, *shape: int) -> Any:
        return np.asarray(self.random.integers(-5, 6, shape))


_n = _Numbers()
normal, positive, inside, apart, index, bools, integers = (
    _n.normal, _n.positive, _n.inside, _n.apart, _n.index, _n.bools, _n.integers,
)  # fmt: skip


def record(name: str, reference: Callable[..., Any], *arguments: tuple[Any, ...], **options: Any) -> None:
    """Enter the record of an op."""
    assert name not in RECORDS, f"two records for {name}"
    RECORDS[name] = Record(list(arguments), reference, **options)


# ---- element by element ------------------------------------------------------------------------------------

_erf, _erfc = np.vectorize(math.erf, otypes=[float]), np.vectorize(math.erfc, otypes=[float])


def _sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


for _name, _function, _numbers in [
    ("neg", np.negative, normal), ("abs", np.abs, apart), ("square", np.square, normal), ("frac", lambda x: x - np.trunc(x), apart),
    ("sqrt", np.sqrt, positive), ("rsqrt", lambda x: 1 / np.sqrt(x), positive), ("reciprocal", lambda x: 1 / x, positive),
    ("exp", np.exp, normal), ("exp2", np.exp2, normal), ("expm1", np.expm1, normal), ("log", np.log, positive),
    ("log2", np.log2, positive), ("log10", np.log10, positive), ("log1p", np.log1p, inside), ("sin", np.sin, normal),
    ("cos", np.cos, normal), ("tan", np.tan, inside), ("asin", np.arcsin, inside), ("acos", np.arccos, inside),
    ("atan", np.arctan, normal), ("sinh", np.sinh, normal), ("cosh", np.cosh, normal), ("tanh", np.tanh, normal),
    ("asinh", np.arcsinh, normal), ("acosh", np.arccosh, lambda *s: positive(*s) + 1), ("atanh", np.arctanh, inside),
    ("sigmoid", _sigmoid, normal), ("relu", lambda x: np.maximum(x, 0), apart), ("erf", _erf, normal), ("erfc", _erfc, normal),
    ("silu", lambda x: x * _sigmoid(x), normal), ("mish", lambda x: x * np.tanh(np.log1p(np.exp(x))), normal),
    ("log_sigmoid", lambda x: np.log(_sigmoid(x)), normal), ("hardsigmoid", lambda x: np.clip(x + 3, 0, 6) / 6, apart),
    ("hardswish", lambda x: x * np.clip(x + 3, 0, 6) / 6, apart), ("gelu_erf", lambda x: x * (1 + _erf(x / math.sqrt(2))) / 2, normal),
    ("gelu_tanh", lambda x: x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))) / 2, normal),
    ("conjugate", np.conj, normal),
]:  # fmt: skip
    record(_name, _function, (_numbers(2, 3),), (_numbers(4),), elementwise=True)

for _name, _function in [
    ("sign", np.sign), ("sgn", np.sign), ("floor", np.floor), ("ceil", np.ceil), ("trunc", np.trunc), ("zeros_of", np.zeros_like),
]:  # fmt: skip
    record(_name, _function, (apart(2, 4),), elementwise=True)
record(
    "round",
    lambda x, decimals=0: np.round(x, decimals),
    (apart(7),),
    (apart(5), 1),
    (apart(5) * 100, -1),
    elementwise=True,
)
record("real", np.real, (normal(3) + 1j * normal(3),), halves=False)
record("imag", np.imag, (normal(3) + 1j * normal(3),), halves=False)
record("clone", lambda x, memory_format=None: x, (normal(2, 3),), elementwise=True)
record("cast", lambda x, dtype: x.astype(dtype), (normal(2, 3), np.dtype("float64")), own_dtype=True)
record(
    "nan_to_num",
    lambda x, nan=0.0, posinf=None, neginf=None: np.nan_to_num(x, True, nan, posinf, neginf),
    (normal(4),),
    elementwise=True,
)
record("signbit", np.signbit, (apart(5),), elementwise=True)
record("isnan", np.isnan, (normal(3),), (np.array([np.nan, 1.0, np.inf]),), elementwise=True)
record("isinf", np.isinf, (normal(3),), (np.array([np.nan, 1.0, -np.inf]),), elementwise=True)
record("isfinite", np.isfinite, (normal(3),), (np.array([np.nan, 1.0, -np.inf]),), elementwise=True)

for _name, _function, _left, _right in [
    ("add", np.add, normal, normal), ("sub", np.subtract, normal, normal), ("rsub", lambda x, y: y - x, normal, normal),
    ("mul", np.multiply, normal, normal), ("div", np.divide, normal, positive), ("pow", np.power, positive, normal),
    ("remainder", np.remainder, apart, positive), ("fmod", np.fmod, apart, positive), ("atan2", np.arctan2, normal, positive),
    ("maximum", np.maximum, apart, normal), ("minimum", np.minimum, apart, normal), ("logaddexp", np.logaddexp, normal, normal),
]:  # fmt: skip
    record(
        _name,
        _function,
        (_left(2, 3), _right(2, 3)),
        (_left(2, 1), _right(3)),
        (_left(3), _right()),
        elementwise=True,
    )
record(
    "floor_divide",
    np.floor_divide,
    (apart(4), positive(4)),
    (integers(4), index(4, 4) + 1),
    elementwise=True,
    flat=(0, 1),
)
record(
    "div_whole",
    lambda x, y, floor: (np.floor if floor else np.trunc)(x / y),
    (apart(4), positive(4), True),
    (apart(4), positive(4), False),
)

for _name in ("eq", "ne", "lt", "le", "gt", "ge"):
    _function = getattr(
        np,
        {
            "eq": "equal",
            "ne": "not_equal",
            "lt": "less",
            "le": "less_equal",
            "gt": "greater",
            "ge": "greater_equal",
        }[_name],
    )
    record(_name, _function, (apart(2, 3), apart(3)), (integers(6), integers(6)), elementwise=True)
for _name in ("logical_and", "logical_or", "logical_xor"):
    record(
        _name,
        getattr(np, _name),
        (bools(6), bools(6)),
        (integers(2, 3), bools(3)),
        (normal(3), normal(3)),
        elementwise=True,
    )
record("logical_not", np.logical_not, (bools(5),), (integers(5),), elementwise=True)
record("bitwise_not", np.bitwise_not, (bools(5),), (integers(5),))
for _name in ("bitwise_and", "bitwise_or", "bitwise_xor"):
    record(_name, getattr(np, _name), (bools(6), bools(6)), (integers(2, 3), integers(3)))
record("bitwise_left_shift", np.left_shift, (integers(5), index(5, 5)))
record("bitwise_right_shift", np.right_shift, (integers(5), index(5, 5)))
record(
    "isclose",
    np.isclose,
    (np.array([1.0, 2.0, np.nan]), np.array([1.0 + 1e-7, 2.1, np.nan])),
    (normal(3), normal(3), 0.0, 1.0),
    halves=False,
)

record("where", np.where, (bools(2, 3), normal(2, 3), normal(2, 3)), (bools(2, 1), normal(3), normal(2, 3)))
record("clamp", np.clip, (apart(7), -0.5, 0.4), (apart(7), None, 0.4), (apart(7), -0.5, None))


def _between(x: Any, low: Any, high: Any) -> Any:
    x = x if low is None else np.maximum(x, low)
    return x if high is None else np.minimum(x, high)


record(
    "clamp_between",
    _between,
    (apart(6), apart(6) - 1, apart(6) + 1),
    (apart(2, 3), apart(3) + 0.05, None),
    (apart(4), None, apart(4)),
)
record(
    "lerp",
    lambda x, y, w: x + w * (y - x),
    (normal(4), normal(4), inside(4)),
    (normal(2, 3), normal(3), positive(2, 1)),
)
record(
    "addcmul",
    lambda x, a, b, value=1: x + value * a * b,
    (normal(3), normal(3), normal(3)),
    (normal(2, 3), normal(3), normal(2, 1), 0.5),
)
record(
    "addcdiv",
    lambda x, a, b, value=1: x + value * a / b,
    (normal(3), normal(3), positive(3)),
    (normal(2, 3), normal(3), positive(2, 1), 0.5),
)
record("fill", lambda x, v: np.full_like(x, v), (normal(2, 3), normal()), (normal(2), 1.5))

record("relu_grad", lambda g, out: g * (out > 0), (normal(5), np.maximum(apart(5), 0)), flat=(1,))
record("sigmoid_grad", lambda g, out: g * out * (1 - out), (normal(5), _sigmoid(normal(5))))
record("tanh_grad", lambda g, out: g * (1 - out * out), (normal(5), np.tanh(normal(5))))
record("leaky_relu_grad", lambda g, x, a: g * np.where(x > 0, 1, a), (normal(5), apart(5), 0.2), flat=(1,))
record(
    "elu_grad",
    lambda g, x, a, s, k: g * s * np.where(x > 0, 1, a * k * np.exp(k * x)),
    (normal(6), apart(6), 0.5, 1.2, 0.7),
)
record(
    "gelu_erf_grad",
    lambda g, x: g * ((1 + _erf(x / math.sqrt(2))) / 2 + x * np.exp(-x * x / 2) / math.sqrt(2 * math.pi)),
    (normal(5), normal(5)),
)


def _gelu_tanh_grad(g: Any, x: Any) -> Any:
    u, slope = 2 * math.sqrt(2 / math.pi) * (x + 0.044715 * x**3), 1 + 3 * 0.044715 * x * x
    s = _sigmoid(u)
    return g * (s + x * s * (1 - s) * 2 * math.sqrt(2 / math.pi) * slope)


def _mish_grad(g: Any, x: Any) -> Any:
    n = np.exp(x) * (np.exp(x) + 2)
    return g * (n / (n + 2) + x * 4 * (n + 1) / (n + 2) ** 2 * _sigmoid(x))


record("gelu_tanh_grad", _gelu_tanh_grad, (normal(5), normal(5)))
record("silu_grad", lambda g, x: g * _sigmoid(x) * (1 + x * _sigmoid(-x)), (normal(5), normal(5)))
record("mish_grad", _mish_grad, (normal(5), normal(5)))
record(
    "softplus_grad",
    lambda g, x, b, t: g * np.where(b * x > t, 1, _sigmoid(b * x)),
    (normal(5), normal(5), 1.0, 20.0),
    (normal(5), apart(5), 2.0, 0.5),
)
record("log_sigmoid_grad", lambda g, x: g * _sigmoid(-x), (normal(5), normal(5)))
record(
    "hardtanh_grad",
    lambda g, x, a, b: g * ((x > a) & (x < b)),
    (normal(8), apart(8), -0.3, 0.5),
    flat=(1,),
)
record("hardsigmoid_grad", lambda g, x: g / 6 * (np.abs(x) < 3), (normal(30), apart(30)), flat=(1,))
record(
    "hardswish_grad",
    lambda g, x: g * np.where(np.abs(x) < 3, x / 3 + 0.5, x > 0),
    (normal(30), apart(30)),
)
record("leaky_relu", lambda x, a=0.01: np.where(x > 0, x, a * x), (apart(6),), (apart(6), 0.2))
record(
    "prelu", lambda x, w: np.where(x > 0, x, w * x), (apart(2, 3), positive(1)), (apart(2, 3), positive(3))
)
record(
    "elu",
    lambda x, a=1.0, s=1.0, k=1.0: s * np.where(x > 0, x, a * np.expm1(k * x)),
    (apart(6),),
    (apart(6), 0.5, 1.2, 0.7),
    second=True,
)
record("celu", lambda x, a=1.0: np.where(x > 0, x, a * np.expm1(x / a)), (apart(6),), (apart(6), 0.5))
record(
    "softplus",
    lambda x, b=1.0, t=20.0: np.where(b * x > t, x, np.log1p(np.exp(b * x)) / b),
    (normal(5),),
    (apart(5), 2.0, 0.5),
)
record("hardtanh", lambda x, a=-1.0, b=1.0: np.clip(x, a, b), (apart(8),), (apart(8), -0.3, 0.5))
record("softshrink", lambda x, k=0.5: np.sign(x) * np.maximum(np.abs(x) - k, 0), (apart(6),), (apart(6), 0.2))
record("hardshrink", lambda x, k=0.5: np.where(np.abs(x) > k, x, 0), (apart(6),), (apart(6), 0.2))
record("threshold", lambda x, t, v: np.where(x > t, x, v), (apart(6), 0.1, 5.0))

# ---- reductions --------------------------------------------------------------------------------------------

_DIMS = [(None, False), ((0,), False), ((1,), True), ((0, 1), False)]


def _reduce(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x, dim=None, keepdim=False: function(x, axis=dim, keepdims=keepdim)


def _any_dims(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x, dim=None, keepdim=False, dtype=None: function(x, axis=dim, keepdims=keepdim)


record("sum", _any_dims(np.sum), *[(normal(2, 3), *d) for d in _DIMS], (normal(),), (integers(2, 3), (0,)))
record("mean", _any_dims(np.mean), *[(normal(2, 3), *d) for d in _DIMS], (normal(),))
record(
    "prod",
    _any_dims(np.prod),
    (normal(2, 3), None),
    (normal(2, 3), (1,)),
    (np.array([[0.0, 2.0, 3.0], [0.0, 1.0, 0.0]]), (1,), True),
    (normal(1, 3), (0,)),
)
record("amax", _reduce(np.max), *[(apart(2, 3), *d) for d in _DIMS])
record("amin", _reduce(np.min), *[(apart(2, 3), *d) for d in _DIMS])
record("max_all", np.max, (apart(2, 3),))
record("min_all", np.min, (apart(2, 3),))
record("all", _reduce(np.all), (bools(2, 3),), (bools(2, 3), (1,), True), (integers(2, 3), (0,)))
record("any", _reduce(np.any), (bools(2, 3),), (bools(2, 3), (1,), True), (integers(2, 3), (0,)))
record(
    "count_nonzero", lambda x, dim=None: np.count_nonzero(x, axis=dim), (integers(2, 3),), (bools(2, 3), (1,))
)
record("argmax", _reduce(np.argmax), (apart(2, 3),), (apart(2, 3), 1, True), (integers(2, 5), 1))
record("argmin", _reduce(np.argmin), (apart(2, 3),), (apart(2, 3), 0, False), (integers(2, 5), 1))


def _var(x: Any, dim: Any = None, correction: float = 1, keepdim: bool = False) -> Any:
    return np.var(x, axis=dim, ddof=correction, keepdims=keepdim)


record("var", _var, (normal(2, 3),), (normal(2, 3), (1,), 0, True), (normal(2, 3), (0, 1), 2))
record(
    "std",
    lambda *a: np.sqrt(_var(*a)),
    (normal(2, 3),),
    (normal(2, 3), (1,), 0, True),
    (normal(2, 3), (0,), 1),
)
record(
    "logsumexp",
    lambda x, dim=None, keepdim=False: np.log(np.exp(x).sum(axis=dim, keepdims=keepdim)),
    *[(normal(2, 3), *d) for d in _DIMS],
)


def _norm(x: Any, ord: float = 2.0, dim: Any = None, keepdim: bool = False) -> Any:
    if dim is None:
        return np.linalg.norm(x.reshape(-1), ord)
    return np.linalg.norm(x, ord, dim[0], keepdim)


record(
    "vector_norm", _norm, (apart(2, 3),), *[(apart(2, 3), o, (1,), True) for o in (1.0, 2.0, 3.0, math.inf, -math.inf, 0.5)],
    (apart(2, 3), 0.0, (0,)),
)  # fmt: skip


def _pick(name: str) -> Callable[..., Any]:
    def reference(x: Any, dim: int, keepdim: bool = False) -> Any:
        return getattr(np, name)(x, axis=dim, keepdims=keepdim), getattr(np, "arg" + name)(
            x, axis=dim, keepdims=keepdim
        )

    return reference


record("max_dim", _pick("max"), (apart(2, 3), 0), (apart(2, 3), 1, True))
record("min_dim", _pick("min"), (apart(2, 3), 0), (apart(2, 3), 1, True))
record(
    "picked",
    lambda x, dim, at, node: np.take_along_axis(x, at, dim),
    (normal(2, 3), 1, np.array([[2, 0], [1, 1]]), "SortBackward0"),
)
record(
    "cumsum",
    lambda x, dim, dtype=None: np.cumsum(x, dim),
    (normal(2, 3), 0),
    (normal(2, 3), 1),
    (integers(4), 0),
)
record(
    "cumprod",
    lambda x, dim, dtype=None: np.cumprod(x, dim),
    (normal(2, 3), 0),
    (normal(2, 3), 1),
    (np.array([2.0, 0.0, 3.0, 0.0]), 0),
    (integers(4), 0),
)
record(
    "softmax",
    lambda x, dim: np.exp(x) / np.exp(x).sum(axis=dim, keepdims=True),
    (normal(2, 3), 1),
    (normal(2, 3), 0),
)
record(
    "log_softmax",
    lambda x, dim: x - np.log(np.exp(x).sum(axis=dim, keepdims=True)),
    (normal(2, 3), 1),
    (normal(2, 3), 0),
)


def _softmax_grad(g: Any, out: Any, dim: int) -> Any:
    return out * (g - (g * out).sum(axis=dim, keepdims=True))


def _log_softmax_grad(g: Any, out: Any, dim: int) -> Any:
    return g - np.exp(out) * g.sum(axis=dim, keepdims=True)


def _attention_parts(q: Any, k: Any, mask: Any, causal: bool, scale: float) -> Any:
    scores = scale * q @ np.swapaxes(k, -1, -2)
    keep = np.tri(*scores.shape[-2:], dtype=bool) if causal else np.ones(scores.shape[-2:], bool)
    if mask is not None and mask.dtype == bool:
        keep = keep & mask
    elif mask is not None:
        scores = scores + mask
    e = np.where(keep, np.exp(scores), 0)
    total = e.sum(-1, keepdims=True)
    with np.errstate(divide="ignore"):
        return e / np.where(total == 0, 1, total), np.log(total[..., 0])


def _attention(q: Any, k: Any, v: Any, mask: Any, causal: bool, scale: float) -> Any:
    weights, log_sums = _attention_parts(q, k, mask, causal, scale)
    return weights @ v, log_sums


def _attention_grad(g: Any, q: Any, k: Any, v: Any, mask: Any, out: Any, sums: Any, causal: bool, scale: float) -> Any:
    w = _attention_parts(q, k, mask, causal, scale)[0]
    s = g @ np.swapaxes(v, -1, -2)
    s = scale * w * (s - (s * w).sum(-1, keepdims=True))
    return s @ k, np.swapaxes(s, -1, -2) @ q, np.swapaxes(w, -1, -2) @ g


def _attention_sample(q: Any, k: Any, v: Any, mask: Any, *rest: Any) -> Any:
    """Arguments of the gradient with what the forward pass gives for them."""
    out, log_sums = _attention(q, k, v, mask, *rest)
    return normal(*out.shape), q, k, v, mask, out, log_sums, *rest


_ATTENTION = [
    (normal(2, 3, 4), normal(2, 5, 4), normal(2, 5, 2), None, False, 0.5),
    (normal(1, 2, 3, 2), normal(1, 2, 3, 2), normal(1, 2, 3, 2), None, True, 0.7),
    (normal(3, 2), normal(2, 4, 2), normal(4, 3), bools(3, 4) | np.eye(3, 4, dtype=bool), False, 0.7),
]
_WITH_NUMBERS = (normal(3, 2), normal(4, 2), normal(4, 3), normal(3, 4), False, 0.7)
record("attention", _attention, *_ATTENTION, _WITH_NUMBERS, flat=(3,))
record("attention_grad", _attention_grad, *[_attention_sample(*a) for a in _ATTENTION], flat=(4, 5, 6))

record("softmax_grad", _softmax_grad, (normal(2, 3), inside(2, 3), 1), (normal(2, 3), inside(2, 3), 0))
record(
    "log_softmax_grad", _log_softmax_grad, (normal(2, 3), inside(2, 3), 1), (normal(2, 3), inside(2, 3), 0)
)

# ---- shape -------------------------------------------------------------------------------------------------

record("reshape", np.reshape, (normal(2, 3), (3, 2)), (normal(2, 3), (6,)), (normal(1), ()))
record("reshape_copy", np.reshape, (normal(2, 3).T, (6,)))
record(
    "expand",
    np.broadcast_to,
    (normal(1, 3), (2, 3)),
    (normal(3), (2, 3)),
    (normal(), (2,)),
    (normal(2, 3), (2, 3)),
)
record("permute", np.transpose, (normal(2, 3, 2), (2, 0, 1)), (normal(3), (0,)))
record("transpose", np.swapaxes, (normal(2, 3, 2), 0, 2))
record("t", np.transpose, (normal(2, 3),), (normal(3),))
record("squeeze", np.squeeze, (normal(1, 3, 1),), (normal(1, 3, 1), 0), (normal(1, 3, 1), (0, 2)))
record("unsqueeze", np.expand_dims, (normal(2, 3), 1))
record(
    "slice_dim",
    lambda x, dim, start, stop, step: x[start:stop:step] if dim == 0 else x[:, start:stop:step],
    (normal(5, 2), 0, 1, 5, 2),
    (normal(2, 4), 1, 0, 2, 1),
)


def _placed(shape: tuple[int, ...], where: Any, x: Any) -> Any:
    result = np.zeros(shape, x.dtype)
    result[where] = x
    return result


record(
    "unslice",
    lambda x, shape, dim, a, b, s: _placed(shape, (slice(None),) * dim + (slice(a, b, s),), x),
    (normal(2, 3), (5, 3), 0, 1, 5, 2),
)
record("select", lambda x, dim, i: np.take(x, i, dim), (normal(2, 3), 1, 2), (normal(3), 0, 0))
record(
    "unselect",
    lambda x, shape, dim, i: _placed(shape, (slice(None),) * dim + (i,), x),
    (normal(2), (2, 3), 1, 2),
)


def _split(x: Any, sizes: tuple[int, ...], dim: int) -> Any:
    return tuple(np.split(x, np.cumsum(sizes)[:-1], dim))


record("split_sizes", _split, (normal(5, 2), (2, 3), 0), (normal(2, 3), (3,), 1))
record("split_equal", _split, (normal(4, 2), (2, 2), 0), (normal(2, 3), (3,), 1))
record(
    "unbind",
    lambda x, dim=0: tuple(np.moveaxis(x, dim, 0)),
    (normal(2, 3),),
    (normal(2, 3), 1),
    (normal(1, 2), 0),
)
record(
    "cat",
    lambda parts, dim=0: np.concatenate(parts, dim),
    ([normal(2, 3), normal(1, 3)],),
    ([normal(2, 1), normal(2, 2), normal(2, 1)], 1),
)
record(
    "stack",
    lambda parts, dim=0: np.stack(parts, dim),
    ([normal(2, 3), normal(2, 3)],),
    ([normal(3), normal(3)], 1),
)
record("flip", np.flip, (normal(2, 3), (1,)), (normal(2, 3), (0, 1)))
record(
    "roll", np.roll, (normal(2, 3), (1,), (1,)), (normal(2, 3), (1, 2), (0, 1)), (normal(2, 3), (2,), None)
)
record("repeat", np.tile, (normal(2, 3), (2, 1)), (normal(3), (2, 2)), (normal(2), (0,)))
record("tril", np.tril, (normal(3, 3),), (normal(2, 3), 1))
record("triu", np.triu, (normal(3, 3),), (normal(2, 3), 1))
record("diagonal", np.diagonal, (normal(3, 3),), (normal(2, 3), 1), (normal(2, 3, 2), 0, 0, 2))
record(
    "undiagonal",
    lambda x, shape, k, a, b: np.diag(x, k),
    (normal(3), (3, 3), 0, 0, 1),
    (normal(2), (3, 3), -1, 0, 1),
)


def _sum_to(x: Any, shape: tuple[int, ...]) -> Any:
    x = x.sum(axis=tuple(range(x.ndim - len(shape))))
    return x.sum(axis=tuple(i for i, n in enumerate(shape) if n == 1), keepdims=True)


record("sum_to", _sum_to, (normal(2, 3), (3,)), (normal(2, 3), (2, 1)), (normal(2, 2, 3), (1, 3)),
       (normal(4, 17), (17,)))

# ---- indexing ----------------------------------------------------------------------------------------------


def _added(shape: tuple[int, ...], where: Any, x: Any) -> Any:
    result = np.zeros(shape, x.dtype)
    np.add.at(result, where, x)
    return result


_rows = (np.array([0, 2, 2]),)
_mask = (np.array([True, False, True]),)
record(
    "basic_index",
    lambda x, i: x[i],
    (normal(3, 4), (1,)),
    (normal(3, 4), (slice(0, 2), None, 1)),
    (normal(3, 4), (Ellipsis, slice(None, None, 2))),
)
record("basic_unindex", lambda x, shape, i: _placed(shape, i, x), (normal(4), (3, 4), (1,)))
record(
    "index",
    lambda x, i: x[i],
    (normal(3, 2), _rows),
    (normal(3, 2), _mask),
    (normal(2, 3), (slice(None), np.array([2, 0]))),
    (normal(3, 3), (np.array([[0], [1]]), np.array([1, 2]))),
)
record(
    "unindex",
    lambda x, shape, i: _added(shape, i, x),
    (normal(3, 2), (3, 2), _rows),
    (normal(2, 2), (3, 2), _mask),
)


def _index_put(x: Any, values: Any, where: Any, accumulate: bool = False) -> Any:
    result = x.copy()
    if accumulate:
        np.add.at(result, where, values)
    else:
        result[where] = values
    return result


record(
    "index_put",
    _index_put,
    (normal(4, 2), normal(2, 2), (np.array([0, 3]),)),
    (normal(4, 2), normal(2), (np.array([1, 1]),), True),
)
record("copy", lambda x, y: np.broadcast_to(y, x.shape), (normal(2, 3), normal(3)))
record(
    "gather_along",
    lambda x, dim, i: np.take_along_axis(x, i, dim),
    (normal(2, 3), 1, np.array([[0, 0], [2, 1]])),
    (normal(3, 2), 0, np.array([[0, 2], [1, 1]])),
)
record(
    "scatter_zeros",
    lambda x, i, dim, shape: _added(shape, (np.arange(2)[:, None], i), x),
    (normal(2, 2), np.array([[0, 0], [2, 1]]), 1, (2, 3)),
)


def _scatter(x: Any, src: Any, dim: int, i: Any, mode: str) -> Any:
    result = x.copy()
    rows = np.arange(i.shape[0])[:, None]
    if mode == "add":
        np.add.at(result, (rows, i), src)
    elif mode == "multiply":
        np.multiply.at(result, (rows, i), src)
    else:
        result[rows, i] = src
    return result


record(
    "scatter_into",
    _scatter,
    (normal(2, 3), normal(2, 2), 1, np.array([[0, 2], [2, 1]]), "set"),
    (normal(2, 3), normal(2, 2), 1, np.array([[0, 0], [2, 1]]), "add"),
    (normal(2, 3), 1.5, 1, np.array([[0], [2]]), "set"),
)
record(
    "take_rows",
    lambda x, dim, i: np.take(x, i, dim),
    (normal(3, 2), 0, np.array([0, 2, 2])),
    (normal(2, 3), 1, np.array([1])),
)
record(
    "untake_rows",
    lambda x, shape, dim, i: _added(shape, (slice(None),) * dim + (i,), x),
    (normal(3, 2), (3, 2), 0, np.array([0, 2, 2])),
)
record(
    "mask_select", lambda x, m: x[m], (normal(2, 3), np.array([[True, False, True], [False, True, False]]))
)
record(
    "fill_where",
    lambda x, m, v: np.where(m, v, x),
    (normal(2, 3), bools(2, 3), normal()),
    (normal(4), bools(4), 0.5),
)
record("argwhere", np.argwhere, (integers(2, 3),))
record(
    "embedding_rows",
    lambda w, i, padding: w[i],
    (normal(4, 2), np.array([[0, 3], [3, 1]]), None),
    (normal(4, 2), np.array([0, 3]), None),
)
record(
    "embedding_grad",
    lambda g, i, padding, shape: _added(
        shape, (i if padding is None else i[i != padding],), g if padding is None else g[i != padding]
    ),
    (normal(3, 2), np.array([0, 3, 3]), None, (4, 2)),
    (normal(3, 2), np.array([0, 3, 1]), 3, (4, 2)),
)
record(
    "masked_scale",
    lambda x, mask, scale: x * np.array([[1, 0, 1], [1, 0, 0]]) * scale,
    (normal(2, 3), np.array([0b001101], np.uint8), 1.25),
)
record(
    "pad_constant",
    lambda x, pads, value: np.pad(x, pads, constant_values=value),
    (normal(2, 3), ((0, 1), (2, 0)), 0.5),
)

# ---- products, convolution, pooling ------------------------------------------------------------------------

record(
    "matmul",
    np.matmul,
    (normal(2, 3), normal(3, 2)),
    (normal(3), normal(3)),
    (normal(2, 3), normal(3)),
    (normal(3), normal(3, 2)),
    (normal(2, 2, 3), normal(3, 2)),
    (normal(2, 3), normal(2, 3, 2)),
    (normal(2, 1, 2, 3), normal(2, 3, 1)),
)
record("bmm", np.matmul, (normal(2, 2, 3), normal(2, 3, 2)))
record(
    "linear",
    lambda x, w, b=None: x @ w.T + (0 if b is None else b),
    (normal(2, 3), normal(4, 3), normal(4)),
    (normal(2, 3), normal(4, 3)),
    (normal(3), normal(2, 3), normal(2)),
    (normal(2, 2, 3), normal(2, 3), normal(2)),
    (normal(2, 3), normal(3)),
)
record(
    "linear_relu",
    lambda x, w, b=None: np.maximum(x @ w.T + (0 if b is None else b), 0),
    (normal(2, 3), normal(4, 3), normal(4)),
    (normal(2, 3), normal(4, 3)),
    (normal(2, 2, 3), normal(2, 3), normal(2)),
)
record(
    "addmm",
    lambda x, a, b, beta=1, alpha=1: beta * x + alpha * (a @ b),
    (normal(2, 2), normal(2, 3), normal(3, 2)),
    (normal(2), normal(2, 3), normal(3, 2)),
    (normal(2), normal(2, 3), normal(3, 2), 0.5, 2.0),
)


def conv_reference(x: Any, w: Any, b: Any, stride: Any, padding: Any, dilation: Any, groups: int) -> Any:
    """Convolution as its definition says, one product at a time."""
    dims = w.ndim - 2
    x = np.pad(x, [(0, 0), (0, 0), *[(p, p) for p in padding]])
    out = [
        (n - d * (k - 1) - 1) // s + 1
        for n, k, s, d in zip(x.shape[2:], w.shape[2:], stride, dilation, strict=True)
    ]
    result = np.zeros((x.shape[0], w.shape[0], *out))
    per = w.shape[0] // groups
    for n, o, *place in np.ndindex(*result.shape):
        for c, *offset in np.ndindex(*w.shape[1:]):
            at = [place[i] * stride[i] + offset[i] * dilation[i] for i in range(dims)]
            result[(n, o, *place)] += x[(n, o // per * w.shape[1] + c, *at)] * w[(o, c, *offset)]
    return result if b is None else result + b.reshape(-1, *[1] * dims)


_plain = ((1,), (0,), (1,), 1)
record(
    "conv", conv_reference, (normal(1, 2, 4), normal(2, 2, 2), normal(2), *_plain), (normal(2, 2, 5), normal(2, 1, 2), None, (2,), (1,), (2,), 2),
    (normal(1, 1, 3, 3), normal(1, 1, 2, 2), normal(1), (1, 2), (0, 1), (1, 1), 1),
)  # fmt: skip
record(
    "conv_relu", lambda *a: np.maximum(conv_reference(*a), 0), (normal(1, 2, 4), normal(2, 2, 2), normal(2), *_plain),
    (normal(2, 2, 5), normal(2, 1, 2), None, (2,), (1,), (2,), 2),
    (normal(1, 1, 3, 3), normal(1, 1, 2, 2), normal(1), (1, 2), (0, 1), (1, 1), 1),
)  # fmt: skip


def _adjoint(
    g: Any, other: Any, shape: Any, stride: Any, padding: Any, dilation: Any, groups: int, of_input: bool
) -> Any:
    """The gradient of <g, conv(x, w)> in x (or w): conv is linear, so ask it about every unit vector."""
    result = np.zeros(shape)
    for place in np.ndindex(*shape):
        unit = np.zeros(shape)
        unit[place] = 1
        pair = (unit, other) if of_input else (other, unit)
        result[place] = (conv_reference(*pair, None, stride, padding, dilation, groups) * g).sum()
    return result


record(
    "conv_input",
    lambda *a: _adjoint(*a, of_input=True),
    (normal(1, 2, 3), normal(2, 2, 2), (1, 2, 4), *_plain),
    (normal(1, 2, 3), normal(2, 1, 2), (1, 2, 5), (2,), (1,), (2,), 2),
)
record(
    "conv_weight",
    lambda *a: _adjoint(*a, of_input=False),
    (normal(1, 2, 3), normal(1, 2, 4), (2, 2, 2), *_plain),
    (normal(1, 2, 3), normal(1, 2, 5), (2, 1, 2), (2,), (1,), (2,), 2),
)


def _pooled(x: Any, kernel: Any, stride: Any, padding: Any, dilation: Any) -> list[Any]:
    """For each output place, the input places of its window, over the last dimension."""
    n = x.shape[-1]
    count = (n + 2 * padding[0] - dilation[0] * (kernel[0] - 1) - 1) // stride[0] + 1
    windows = [[o * stride[0] - padding[0] + k * dilation[0] for k in range(kernel[0])] for o in range(count)]
    return [[i for i in w if 0 <= i < n] for w in windows]


def _max_pool(x: Any, kernel: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool) -> Any:
    windows = _pooled(x, kernel, stride, padding, dilation)
    places = np.stack([np.array(w)[x[..., w].argmax(-1)] for w in windows], -1)
    return np.take_along_axis(x, places, -1), places


def _avg_pool(
    x: Any, kernel: Any, stride: Any, padding: Any, ceil_mode: bool, include: bool, divisor: Any
) -> Any:
    windows = _pooled(x, kernel, stride, padding, (1,))
    return np.stack(
        [x[..., w].sum(-1) / (divisor or (kernel[0] if include else len(w))) for w in windows], -1
    )


record(
    "max_pool",
    _max_pool,
    (apart(1, 2, 6), (2,), (2,), (0,), (1,), False),
    (apart(2, 5), (3,), (1,), (1,), (1,), False),
    (apart(1, 1, 6), (2,), (1,), (1,), (2,), False),
)


def _max_pool_compact(x: Any, kernel: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool) -> Any:
    values, places = _max_pool(x, kernel, stride, padding, dilation, ceil_mode)
    first = np.arange(values.shape[-1]) * stride[0] - padding[0]
    return values, ((places - first) // dilation[0]).astype(np.uint8)


record(
    "max_pool_compact",
    _max_pool_compact,
    (apart(1, 2, 6), (2,), (2,), (0,), (1,), False),
    (apart(2, 5), (3,), (1,), (1,), (1,), False),
    (apart(1, 1, 6), (2,), (1,), (1,), (2,), False),
)
record(
    "avg_pool",
    _avg_pool,
    (normal(1, 2, 6), (2,), (2,), (0,), False, True, None),
    (normal(2, 5), (3,), (2,), (1,), False, False, None),
    (normal(2, 5), (3,), (2,), (1,), False, True, 5),
)
record(
    "avg_unpool",
    lambda g, shape, *a: _matrix_of(lambda x: _avg_pool(x, *a), shape, g),
    (normal(2, 3), (2, 5), (3,), (2,), (1,), False, False, None),
)


def _matrix_of(function: Callable[..., Any], shape: tuple[int, ...], g: Any) -> Any:
    """The adjoint of a linear function, by its values at unit vectors."""
    result = np.zeros(shape)
    for place in np.ndindex(*shape):
        unit = np.zeros(shape)
        unit[place] = 1
        result[place] = (function(unit) * g).sum()
    return result


_places = np.array([[0, 3], [1, 1]])
record(
    "unpool",
    lambda x, shape, at, dims: _added(shape, (np.arange(2)[:, None], at), x),
    (normal(2, 2), (2, 4), _places, 1),
)
_codes = np.array([[1, 1], [2, 0]], np.uint8)  # in windows of 3 that begin at -1 and 1


def _coded(x: Any, codes: Any, *_: Any) -> Any:
    return np.take_along_axis(x, codes + np.array([-1, 1]), -1)


record(
    "unpool_compact",
    lambda x, shape, codes, *a: _matrix_of(lambda y: _coded(y, codes), shape, x),
    (normal(2, 2), (2, 4), _codes, (3,), (2,), (1,), (1,)),
)
record(
    "pooled_compact",
    _coded,
    (normal(2, 4), _codes, (3,), (2,), (1,), (1,)),
)
record("pooled", lambda x, at, dims: np.take_along_axis(x, at, -1), (normal(2, 4), _places, 1))


def _adaptive(x: Any, sizes: tuple[int, ...]) -> Any:
    n, o = x.shape[-1], sizes[0]
    return np.stack([x[..., i * n // o : -(-(i + 1) * n // o)].mean(-1) for i in range(o)], -1)


record("adaptive_avg_pool", _adaptive, (normal(2, 5), (3,)), (normal(1, 2, 4), (2,)))
record(
    "adaptive_avg_unpool",
    lambda g, shape, dims: _matrix_of(lambda x: _adaptive(x, g.shape[-1:]), shape, g),
    (normal(2, 3), (2, 5), 1),
)

# ---- normalisation -----------------------------------------------------------------------------------------


def _standard(x: Any, dims: Any, eps: float) -> Any:
    return (x - x.mean(axis=dims, keepdims=True)) / np.sqrt(x.var(axis=dims, keepdims=True) + eps)


def _column(v: Any, x: Any) -> Any:
    return v.reshape(1, -1, *[1] * (x.ndim - 2))


def _affine(y: Any, w: Any, b: Any) -> Any:
    return (y if w is None else y * w) + (0 if b is None else b)


def _layer_norm(x: Any, w: Any, b: Any, n: int, eps: float) -> Any:
    return _affine(_standard(x, tuple(range(x.ndim - n, x.ndim)), eps), w, b)


def _batch_norm(x: Any, w: Any, b: Any, eps: float) -> Any:
    columns = [None if v is None else _column(v, x) for v in (w, b)]
    return _affine(_standard(x, (0, *range(2, x.ndim)), eps), *columns)


def _batch_norm_eval(x: Any, w: Any, b: Any, mean: Any, var: Any, eps: float) -> Any:
    columns = [None if v is None else _column(v, x) for v in (w, b)]
    return _affine((x - _column(mean, x)) / np.sqrt(_column(var, x) + eps), *columns)


def _group_norm(x: Any, w: Any, b: Any, groups: int, eps: float) -> Any:
    columns = [None if v is None else _column(v, x) for v in (w, b)]
    return _affine(_standard(x.reshape(x.shape[0], groups, -1), (2,), eps).reshape(x.shape), *columns)


def _rms_norm(x: Any, w: Any, n: int, eps: float) -> Any:
    return _affine(
        x / np.sqrt((x * x).mean(axis=tuple(range(x.ndim - n, x.ndim)), keepdims=True) + eps), w, None
    )


def _batch_norm_with_statistics(x: Any, w: Any, b: Any, eps: float) -> Any:
    dims = (0, *range(2, x.ndim))
    return _batch_norm(x, w, b, eps), x.mean(axis=dims), x.var(axis=dims)


def _slopes(function: Callable[..., Any], g: Any, x: Any, *others: Any) -> list[Any]:
    """The gradients of sum(function(x, *others) * g) by Richardson's differences."""
    found = []
    arrays = [x, *others]
    for i, a in enumerate(arrays):
        slope = np.zeros_like(a)
        for place in np.ndindex(*a.shape):

            def moved(h: float, i: int = i, place: Any = place) -> float:
                changed = [v.copy() for v in arrays]
                changed[i][place] += h
                return float((function(*changed) * g).sum())

            one, two = [(moved(h) - moved(-h)) / (2 * h) for h in (1e-3, 5e-4)]
            slope[place] = (4 * two - one) / 3
        found.append(slope)
    return found


def _norm_slopes(
    function: Callable[..., Any], shape: Callable[[Any], tuple[int, ...]], bias: bool = True
) -> Any:
    """The reference of a normalisation's gradients: function(x, weight, bias, *attributes)."""

    def slopes(g: Any, x: Any, w: Any, *attributes: Any) -> Any:
        w = np.ones(shape(x)) if w is None else w
        if not bias:
            return tuple(_slopes(lambda x, w: function(x, w, *attributes), g, x, w))
        return tuple(_slopes(lambda x, w, b: function(x, w, b, *attributes), g, x, w, np.zeros_like(w)))

    return slopes


def _features(x: Any) -> tuple[int, ...]:
    return (x.shape[1],)


record(
    "layer_norm",
    _layer_norm,
    (normal(2, 4), normal(4), normal(4), 1, 1e-5),
    (normal(2, 2, 2), None, None, 2, 0.1),
)
record(
    "layer_norm_grad",
    lambda g, x, w, n, eps: _norm_slopes(_layer_norm, lambda x: x.shape[x.ndim - n :])(g, x, w, n, eps),
    (normal(2, 4), normal(2, 4), normal(4), 1, 0.1),
    (normal(2, 2, 2), normal(2, 2, 2), None, 2, 0.2),
    tolerance=1e-8,
)
record("rms_norm", _rms_norm, (normal(2, 4), normal(4), 1, 1e-5), (normal(2, 2, 2), None, 2, 0.1))
record(
    "rms_norm_grad",
    lambda g, x, w, n, eps: _norm_slopes(_rms_norm, lambda x: x.shape[x.ndim - n :], False)(g, x, w, n, eps),
    (normal(2, 4), normal(2, 4), normal(4), 1, 0.1),
    (normal(2, 2, 2), normal(2, 2, 2), None, 2, 0.2),
    tolerance=1e-8,
)
record(
    "batch_norm",
    _batch_norm_with_statistics,
    (normal(4, 2), normal(2), normal(2), 1e-5),
    (normal(2, 2, 3), None, None, 0.1),
    own_dtype=True,  # the statistics of halves are in float32
)
_seen = normal(4, 2), normal(2, 2, 3)
record(
    "batch_norm_grad",
    lambda g, x, w, mean, var, eps: _norm_slopes(_batch_norm, _features)(g, x, w, eps),
    (normal(4, 2), _seen[0], normal(2), _seen[0].mean(0), _seen[0].var(0), 0.1),
    (normal(2, 2, 3), _seen[1], None, _seen[1].mean((0, 2)), _seen[1].var((0, 2)), 0.1),
    tolerance=1e-8,
)
record(
    "batch_norm_eval",
    _batch_norm_eval,
    (normal(3, 2), normal(2), normal(2), normal(2), positive(2), 1e-5),
    (normal(2, 2, 2), None, None, normal(2), positive(2), 0.1),
)
record(
    "batch_norm_eval_grad",
    _norm_slopes(_batch_norm_eval, _features),
    (normal(3, 2), normal(3, 2), normal(2), normal(2), positive(2), 1e-5),
    (normal(2, 2, 2), normal(2, 2, 2), None, normal(2), positive(2), 0.1),
    tolerance=1e-8,
)
record(
    "group_norm",
    _group_norm,
    (normal(2, 4, 2), normal(4), normal(4), 2, 1e-5),
    (normal(1, 4, 2), None, None, 1, 0.1),
)
record(
    "group_norm_grad",
    _norm_slopes(_group_norm, _features),
    (normal(2, 4, 2), normal(2, 4, 2), normal(4), 2, 0.1),
    (normal(1, 4, 2), normal(1, 4, 2), None, 1, 0.2),
    tolerance=1e-8,
)

# ---- losses ------------------------------------------------------------------------------------------------


def _reduced(losses: Any, reduction: str) -> Any:
    return losses if reduction == "none" else losses.mean() if reduction == "mean" else losses.sum()


def _loss(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *a: _reduced(function(*a[:-1]), a[-1])


_REDUCTIONS = ("none", "mean", "sum")
record(
    "squared_error",
    _loss(lambda x, y: (x - y) ** 2),
    *[(normal(2, 3), normal(2, 3), r) for r in _REDUCTIONS],
    (normal(2, 3), normal(3), "mean"),
)


def _smooth_l1(x: Any, y: Any, beta: float) -> Any:
    d = np.abs(x - y)
    return np.where(d < beta, d * d / (2 * beta), d - beta / 2)


record("smooth_l1", _loss(_smooth_l1), *[(apart(5), np.zeros(5), 0.5, r) for r in _REDUCTIONS])
record(
    "huber",
    _loss(lambda x, y, delta: delta * _smooth_l1(x, y, delta)),
    *[(apart(5), np.zeros(5), 0.5, r) for r in _REDUCTIONS],
)
record(
    "bce",
    _loss(lambda p, t: -(t * np.log(p) + (1 - t) * np.log(1 - p))),
    *[(positive(4) / 3, positive(4) / 3, r) for r in _REDUCTIONS],
)


def _bce_logits(x: Any, t: Any, w: Any, p: Any) -> Any:
    losses = -((1 if p is None else p) * t * np.log(_sigmoid(x)) + (1 - t) * np.log(1 - _sigmoid(x)))
    return losses if w is None else losses * w


record(
    "bce_with_logits",
    _loss(_bce_logits),
    *[(normal(4), positive(4) / 3, None, None, r) for r in _REDUCTIONS],
    (normal(2, 3), positive(2, 3) / 3, positive(3), positive(3), "mean"),
)
record(
    "kl_div",
    lambda x, t, log_target: np.exp(t) * (t - x) if log_target else t * (np.log(t) - x),
    (normal(4), positive(4), False),
    (normal(4), normal(4), True),
)


def _nll(x: Any, target: Any, weight: Any, ignore: int, reduction: str) -> Any:
    kept = target != ignore
    w = kept * (1.0 if weight is None else weight[np.where(kept, target, 0)])
    losses = -np.take_along_axis(x, np.expand_dims(np.where(kept, target, 0), 1), 1).squeeze(1) * w
    return losses.sum() / w.sum() if reduction == "mean" else _reduced(losses, reduction)


def _nll_grad(g: Any, target: Any, weight: Any, ignore: int, reduction: str, shape: tuple[int, ...]) -> Any:
    return _matrix_of(lambda x: np.asarray(_nll(x, target, weight, ignore, reduction)), shape, g)


_target = np.array([2, 0, 1])
record(
    "nll_loss",
    _nll,
    *[(normal(3, 3), _target, None, -100, r) for r in _REDUCTIONS],
    (normal(3, 3), _target, np.array([0.5, 2.0, 1.0]), 0, "mean"),
    (normal(2, 3, 2), np.array([[0, 1], [2, 2]]), None, 1, "mean"),
)
record(
    "nll_loss_grad",
    _nll_grad,
    (normal(), _target, None, -100, "mean", (3, 3)),
    (normal(3), _target, np.array([0.5, 2.0, 1.0]), 0, "none", (3, 3)),
    (normal(), _target, None, 1, "sum", (3, 3)),
)


def _log_softmax(x: Any) -> Any:
    return x - np.log(np.exp(x).sum(1, keepdims=True))


def _share_loss(logs: Any, target: Any, weight: Any, ignore: int, reduction: str, smoothing: float) -> Any:
    """Linear in the logarithms of the softmax."""
    n, lost = logs.shape[1], -np.moveaxis(logs, 1, -1)
    w = np.ones(n) if weight is None else weight
    if target.dtype.kind == "f":
        chances = np.moveaxis(target, 1, -1) * (1 - smoothing) + smoothing / n
        return _reduced((chances * w * lost).sum(-1), reduction)
    kept = (target != ignore)[..., None]
    hot = np.eye(n)[np.where(target != ignore, target, 0)] * kept
    losses = ((hot * (1 - smoothing) + kept * smoothing / n) * w * lost).sum(-1)
    return losses.sum() / (hot * w).sum() if reduction == "mean" else _reduced(losses, reduction)


def _cross_entropy_grad(g: Any, x: Any, *rest: Any) -> Any:
    inner = _matrix_of(lambda logs: np.asarray(_share_loss(logs, *rest)), x.shape, g)
    return inner - np.exp(_log_softmax(x)) * inner.sum(1, keepdims=True)


_class_weights = np.array([0.5, 2.0, 1.0])
_chances = np.array([[0.2, 0.5, 0.3], [1.0, 0.0, 0.0], [0.1, 0.1, 0.8]])
_pixels = np.array([[0, 1], [2, 2]])
record(
    "cross_entropy",
    lambda x, *rest: _share_loss(_log_softmax(x), *rest),
    *[(normal(3, 3), _target, None, i, r, 0.0) for r, i in zip(_REDUCTIONS, (-100, -100, 1), strict=True)],
    (normal(3, 3), _target, _class_weights, 2, "mean", 0.1),
    (normal(2, 3, 2), _pixels, _class_weights, 1, "none", 0.2),
    (normal(2, 3, 2), _pixels, None, 1, "mean", 0.0),
    (normal(3, 3), _chances, _class_weights, -100, "mean", 0.1),
    (normal(3, 3, 1), _chances[..., None], None, -100, "none", 0.0),
)
record(
    "cross_entropy_grad",
    _cross_entropy_grad,
    (normal(), normal(3, 3), _target, None, -100, "mean", 0.0),
    (normal(3), normal(3, 3), _target, _class_weights, 1, "none", 0.1),
    (normal(), normal(3, 3), _target, _class_weights, 0, "mean", 0.2),
    (normal(), normal(2, 3, 2), _pixels, None, 0, "sum", 0.0),
    (normal(), normal(3, 3), _chances, _class_weights, -100, "mean", 0.1),
    (normal(3), normal(3, 3), _chances, None, -100, "none", 0.0),
)

# ---- special functions, products over named dimensions, windows, resampling ----------------------------------

record("hypot", np.hypot, (normal(2, 3), positive(2, 3)), (normal(2, 1), positive(3)), elementwise=True)
record(
    "fmax",
    np.fmax,
    (apart(6), normal(6)),
    (np.array([np.nan, 1.0]), np.array([2.0, np.nan])),
    elementwise=True,
)
record(
    "fmin",
    np.fmin,
    (apart(6), normal(6)),
    (np.array([np.nan, 1.0]), np.array([2.0, np.nan])),
    elementwise=True,
)
record("logaddexp2", np.logaddexp2, (normal(2, 3), normal(3)), elementwise=True)
record("xlogy", lambda x, y: x * np.log(y), (normal(2, 3), positive(3)), elementwise=True)
record("sinc", np.sinc, (normal(5),), elementwise=True)
record(
    "logit",
    lambda x, eps=None: np.log(x / (1 - x)),
    (positive(4) / 3,),
    (positive(4) / 3, 1e-6),
    elementwise=True,
)
record("deg2rad", np.deg2rad, (normal(4),), elementwise=True)
record("rad2deg", np.rad2deg, (normal(4),), elementwise=True)
record("copysign", np.copysign, (apart(4), apart(4)), elementwise=True)
record("heaviside", np.heaviside, (np.array([-1.0, 0.0, 2.0]), normal(3)), elementwise=True)
record("gcd", np.gcd, (integers(6), integers(6)))
record("lcm", np.lcm, (integers(6), integers(6)))
record("isposinf", np.isposinf, (np.array([np.inf, -np.inf, 1.0, np.nan]),), elementwise=True)
record("isneginf", np.isneginf, (np.array([np.inf, -np.inf, 1.0, np.nan]),), elementwise=True)
record(
    "lgamma",
    np.vectorize(math.lgamma, otypes=[float]),
    (positive(5) * 3,),
    (np.array([-0.5, -1.7, 0.2]),),
    elementwise=True,
)


def _derivative(function: Callable[..., Any], x: Any, h: float = 1e-3) -> Any:
    """By central differences of sixth order."""
    f = lambda k: function(x + k * h)  # noqa: E731
    return (45 * (f(1) - f(-1)) - 9 * (f(2) - f(-2)) + (f(3) - f(-3))) / (60 * h)


def _digamma(x: Any) -> Any:
    """The series -gamma + sum of 1/(n+1) - 1/(n+x), with the tail of the sum as an integral."""
    n = np.arange(200_000.0)
    tail = np.vectorize(lambda v: (1 / (n + 1) - 1 / (n + v)).sum(), otypes=[float])(x)
    m = 200_000.0
    return -0.57721566490153286 + tail + np.log((m + x - 0.5) / (m + 0.5))


record("digamma", _digamma, (positive(4) + 0.2,), (np.array([-0.4, 3.5]),), elementwise=True, tolerance=1e-9)
record(
    "polygamma_of",
    lambda x, n: _digamma(x) if n == 0 else _derivative(_digamma, x),
    (positive(3) + 0.5, 1),
    tolerance=1e-6,
)
record("erfinv", lambda x: _bisected(_erf, x), (inside(5),), elementwise=True, tolerance=1e-10)


def _bisected(function: Callable[..., Any], y: Any) -> Any:
    """The inverse of a growing function, by halving an interval."""
    low, high = np.full(np.shape(y), -8.0), np.full(np.shape(y), 8.0)
    for _ in range(100):
        middle = (low + high) / 2
        below = function(middle) < y
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return (low + high) / 2


record("angle", np.angle, (apart(4),), (normal(3) + 1j * normal(3),), halves=False)
record(
    "make_complex", lambda a, b: a + 1j * b, (normal(3), normal(3)), halves=False, own_dtype=True, flat=(0, 1)
)


def _contract(operands: Any, subscripts: Any, output: str) -> Any:
    return np.einsum(",".join(subscripts) + "->" + output, *operands)


record(
    "contract", _contract, ([normal(2, 3), normal(3, 2)], ("ij", "jk"), "ik"), ([normal(2), normal(3)], ("i", "j"), "ji"),
    ([normal(2, 2), normal(2, 3), normal(3)], ("bi", "bj", "j"), "ib"), ([normal(2, 3)], ("ij",), "ji"),
)  # fmt: skip


def _windows(x: Any, dim: int, size: int, step: int) -> Any:
    starts = range(0, x.shape[dim] - size + 1, step)
    return np.stack([np.moveaxis(np.take(x, range(s, s + size), dim), dim, -1) for s in starts], dim)


record("windows", _windows, (normal(5), 0, 2, 1), (normal(2, 5), 1, 3, 2))
record(
    "unwindows",
    lambda g, shape, *a: _matrix_of(lambda x: _windows(x, *a), shape, g),
    (normal(2, 2, 3), (2, 5), 1, 3, 2),
)


def _scatter_masked(x: Any, source: Any, mask: Any) -> Any:
    result = x.copy()
    result[mask] = source.reshape(-1)[: mask.sum()]
    return result


record(
    "scatter_masked",
    _scatter_masked,
    (normal(2, 3), normal(2, 2), np.array([[True, False, True], [False, True, False]])),
)


def _resampled(x: Any, matrices: Any, node: str) -> Any:
    for i, m in enumerate(matrices):
        axis = x.ndim - len(matrices) + i
        x = np.moveaxis(np.tensordot(m, x, (1, axis)), 0, axis)
    return x


record(
    "resample",
    _resampled,
    (normal(1, 2, 3), (normal(4, 2), normal(2, 3)), "UpsampleBackward0"),
    own_dtype=True,
)
record(
    "unresample",
    lambda x, m, node: _resampled(x, [a.T for a in m], node),
    (normal(1, 4, 2), (normal(4, 2), normal(2, 3)), "N"),
    own_dtype=True,
)


def _unfold(x: Any, kernel: Any, stride: Any, padding: Any, dilation: Any) -> Any:
    """Each window element is a convolution with a filter that has a single one."""
    filters = np.eye(x.shape[1] * math.prod(kernel)).reshape(-1, x.shape[1], *kernel)
    return conv_reference(x, filters, None, stride, padding, dilation, 1).reshape(
        x.shape[0], filters.shape[0], -1
    )


_square = ((2, 2), (1, 2), (0, 1), (1, 1))
record("unfold_windows", _unfold, (normal(1, 2, 3, 3), *_square))
record(
    "fold_windows",
    lambda g, shape, *a: _matrix_of(lambda x: _unfold(x, *a), shape, g),
    (normal(1, 8, 4), (1, 2, 3, 3), *_square),
)


def _adaptive_max(x: Any, sizes: tuple[int, ...]) -> Any:
    n, o = x.shape[-1], sizes[0]
    starts = [i * n // o for i in range(o)]
    parts = [x[..., s : -(-(i + 1) * n // o)] for i, s in enumerate(starts)]
    return np.stack([p.max(-1) for p in parts], -1), np.stack(
        [p.argmax(-1) + s for p, s in zip(parts, starts, strict=True)], -1
    )


record("adaptive_max_pool", _adaptive_max, (apart(2, 5), (3,)), (apart(1, 2, 4), (2,)))
