"""Every op by its record: value, dtype, strides, memory, gradients of first and second order, kernels."""

from __future__ import annotations

import importlib
import itertools
import pkgutil

import ml_dtypes
import numpy as np
import pytest

import facula
from facula._tensor import Tensor, wrap
from facula.autograd import gradcheck, gradgradcheck
from facula.autograd.op import OPS, apply

TOLERANCE = {"float64": 1e-12, "float32": 2e-5, "float16": 2e-2, "bfloat16": 1e-1}


def arguments(records, case):
    """A fresh copy of a sample's arguments."""
    return [_fresh(a) for a in records[case[0]].arguments[case[1]]]


def _fresh(a):
    return (
        [_fresh(x) for x in a]
        if isinstance(a, list)
        else a.copy(order="K")
        if isinstance(a, np.ndarray)
        else a
    )


def arrays_of(op, args):
    """The op's array arguments as one list (a sequence op has them in its first argument)."""
    return args[0] if op.sequence else args[: op.n_arrays]


def call(op, args, change=wrap):
    """The op on Tensors, made of its arrays by `change`."""
    args = list(args)
    if op.sequence:
        args[0] = [change(a) for a in args[0]]
    else:
        args[: op.n_arrays] = [change(a) if isinstance(a, np.ndarray) else a for a in args[: op.n_arrays]]
    return apply(op, tuple(args))


def results(out):
    return list(out) if isinstance(out, tuple) else [out]


def assert_close(got, wanted, tolerance=1e-12):
    assert len(results(got)) == len(results(wanted))
    for x, y in zip(results(got), results(wanted), strict=True):
        x = x._array if isinstance(x, Tensor) else x
        assert isinstance(x, np.ndarray)
        assert x.shape == np.shape(y)
        if x.dtype.kind == "V":
            x = x.astype(np.float32)
        np.testing.assert_allclose(x, y, rtol=tolerance, atol=tolerance, equal_nan=True)


def test_every_op_has_a_record(records):
    for module in pkgutil.walk_packages(facula.__path__, "facula."):
        if ".startup" not in module.name and not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    assert sorted(set(OPS) - set(records)) == [], "ops without a record in samples.py"
    assert sorted(set(records) - set(OPS)) == [], "records of ops that are gone"


def test_value_dtype_and_inputs_untouched(records, case):
    op, reference = OPS[case[0]], records[case[0]].reference
    args, before = arguments(records, case), arguments(records, case)
    out = call(op, args)
    wanted = reference(*arguments(records, case))
    assert_close(out, wanted, records[case[0]].tolerance)
    for x, y in zip(results(out), results(wanted), strict=True):
        assert x._array.dtype == np.asarray(y).dtype
    for a, b in zip(arrays_of(op, args), arrays_of(op, before), strict=True):
        np.testing.assert_array_equal(a, b)


def test_raw_arrays_give_raw_arrays(records, case):
    op = OPS[case[0]]
    args = arguments(records, case)
    raw, tensors = results(apply(op, tuple(args))), results(call(op, args))
    for r, t in zip(raw, tensors, strict=True):
        assert not isinstance(r, Tensor)
        np.testing.assert_array_equal(r, t._array)


def _spread(a):
    """The same elements with gaps between them."""
    if not a.ndim:
        return a
    wide = np.full(tuple(2 * n for n in a.shape), 99).astype(a.dtype)
    view = wide[tuple(slice(1, None, 2) for _ in a.shape)]
    view[...] = a
    return view


def _turned(a):
    """The same elements with the dimensions in the opposite order in memory."""
    return np.ascontiguousarray(a.T).T


@pytest.mark.parametrize("layout", [_spread, _turned], ids=["gaps", "turned"])
def test_any_strides(records, case, layout):
    op = OPS[case[0]]
    args = arguments(records, case)
    assert_close(
        call(op, args, lambda a: wrap(layout(a))),
        records[case[0]].reference(*args),
        records[case[0]].tolerance,
    )


def test_views_share_memory_and_others_do_not(records, case):
    op = OPS[case[0]]
    args = arguments(records, case)
    sources = [a for a in arrays_of(op, args) if isinstance(a, np.ndarray)]
    for t in results(call(op, args)):
        if t.numel() and t._array.dtype == sources[0].dtype:
            assert any(np.shares_memory(t._array, a) for a in sources) == op.view
            assert t._is_view() == op.view


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_keeps_the_floating_dtype(records, case, dtype):
    record, op = records[case[0]], OPS[case[0]]
    if record.own_dtype or (dtype != "float32" and not record.halves):
        pytest.skip("not asked for")
    kind = ml_dtypes.bfloat16 if dtype == "bfloat16" else np.dtype(dtype)
    args = arguments(records, case)
    if any(isinstance(a, np.ndarray) and a.dtype.kind == "c" for a in args):
        pytest.skip("a complex sample")
    short = [a.astype(kind).astype(np.float64) if _is_float(a) else a for a in args]
    if op.sequence:
        short[0] = [a.astype(kind).astype(np.float64) for a in args[0]]
    attributes = [a.astype(kind) if _is_float(a) else a for a in short[op.n_arrays :]]
    out = call(
        op,
        [*short[: op.n_arrays], *attributes],
        lambda a: wrap(a.astype(kind) if a.dtype == np.float64 else a),
    )
    wanted = record.reference(*short)
    assert_close(out, wanted, TOLERANCE[dtype])
    floats = any(_is_float(a) for a in arrays_of(op, args))
    for x, y in zip(results(out), results(wanted), strict=True):
        assert x._array.dtype == (
            kind if np.asarray(y).dtype == np.float64 and floats else np.asarray(y).dtype
        )


def _is_float(a):
    return isinstance(a, np.ndarray) and a.dtype == np.float64


def test_elementwise_ops_take_every_shape(records, name):
    record, op = records[name], OPS[name]
    if not record.elementwise:
        pytest.skip("the op has a shape of its own")
    args = record.arguments[0]
    rest = args[op.n_arrays :]
    values = [a.reshape(-1)[0] for a in args[: op.n_arrays]]
    for shape in [(), (1,), (0,), (2, 0, 3), (2, 1, 3)]:
        made = [np.full(shape, v) for v in values]
        out = call(op, [*made, *rest])
        assert tuple(out.shape) == shape
        if out.numel():
            assert_close(out, record.reference(*made, *rest), record.tolerance)
    if op.n_arrays == 2:
        made = [np.full((3, 1), values[0]), np.full((1, 4), values[1])]
        assert tuple(call(op, [*made, *rest]).shape) == (3, 4)
        with pytest.raises(RuntimeError):
            call(op, [np.full((3,), values[0]), np.full((4,), values[1])])


def _subsets(places):
    return [s for n in range(1, len(places) + 1) for s in itertools.combinations(places, n)]


def _differentiable(records, case):
    """Where the float64 arrays of a sample are, and a function that puts Tensors in their places."""
    record, op = records[case[0]], OPS[case[0]]
    args = arguments(records, case)
    args += [op.defaults[n] for n in op.names[len(args) :]]
    if op.sequence:
        return op, args, list(range(len(args[0]))), lambda ts: apply(op, (list(ts), *args[1:]))
    places = [
        i
        for i in range(op.n_arrays)
        if _is_float(args[i]) and i not in record.flat and op.names[i] in op.rules
    ]
    return op, args, places, None


def test_gradient(records, case):
    """Against finite differences, for every choice of the inputs that need one: what is kept must suffice."""
    op, args, places, sequence = _differentiable(records, case)
    if not op.differentiable or not places:
        pytest.skip("no gradient")
    for chosen in _subsets(places)[:7]:
        tensors = [wrap(a.copy()) for a in arrays_of(op, args) if _is_float(a)] if sequence else None
        if sequence:
            for i in chosen:
                tensors[i].requires_grad_()
            live = tuple(tensors)
            assert gradcheck(lambda *ts: sequence(ts), live)
            continue
        live = tuple(wrap(args[i].copy(), True) for i in chosen)

        def function(*ts, chosen=chosen):
            full = [
                wrap(a) if isinstance(a, np.ndarray) and i < op.n_arrays else a for i, a in enumerate(args)
            ]
            for i, t in zip(chosen, ts, strict=True):
                full[i] = t
            return apply(op, tuple(full))

        assert gradcheck(function, live, atol=1e-6, rtol=1e-5)


def test_second_gradient(records, case):
    op, args, places, sequence = _differentiable(records, case)
    if not op.differentiable or not places or not records[case[0]].second:
        pytest.skip("no second gradient")
    if sequence:
        assert gradgradcheck(lambda *ts: sequence(ts), tuple(wrap(a, True) for a in args[0]))
        return

    def function(*ts):
        full = [wrap(a) if isinstance(a, np.ndarray) and i < op.n_arrays else a for i, a in enumerate(args)]
        for i, t in zip(places, ts, strict=True):
            full[i] = t
        return apply(op, tuple(full))

    assert gradgradcheck(function, tuple(wrap(args[i], True) for i in places), atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("kernel_of", sorted(n for n, op in OPS.items() if op.kernels))
def test_kernel_agrees_with_definition(records, kernel_of):
    op = OPS[kernel_of]
    kernel = op.kernels[np.ndarray]
    taken = 0
    for args in records[kernel_of].arguments:
        short = [a.astype(np.float32) if _is_float(a) else _fresh(a) for a in args]
        short += [op.defaults[n] for n in op.names[len(short) :]]
        got = kernel(*short)
        if got is NotImplemented:
            continue
        taken += 1
        wanted = op.forward(*short)
        for x, y in zip(results(got), results(wanted), strict=True):
            assert x.dtype == np.asarray(y).dtype and x.shape == np.shape(y)
            np.testing.assert_allclose(x, y, rtol=2e-6, atol=2e-6)
    assert taken, "the kernel declines every sample"
