"""Jacobians, Hessians and products with them, against formulas."""

from __future__ import annotations

import numpy as np
import pytest

import facula
from facula.autograd import functional as AF

X = [0.5, -1.0, 2.0]


def point(dtype=facula.float64):
    return facula.tensor(X, dtype=dtype)


def test_jacobian_of_elementwise_and_matrix_functions():
    np.testing.assert_allclose(AF.jacobian(lambda x: x**3, point()).numpy(), np.diag(3 * np.square(X)))
    a = facula.arange(6, dtype=facula.float64).reshape(2, 3)
    np.testing.assert_allclose(AF.jacobian(lambda x: a @ x, point()).numpy(), a.numpy())


def test_jacobian_of_several_inputs_and_outputs_has_their_structure():
    y = facula.tensor([3.0, 4.0], dtype=facula.float64)
    found = AF.jacobian(lambda u, v: (u.sum() * v, u * 2), (point(), y))
    assert [[tuple(t.shape) for t in row] for row in found] == [[(2, 3), (2, 2)], [(3, 3), (3, 2)]]
    np.testing.assert_allclose(found[0][1].numpy(), np.eye(2) * sum(X))
    assert not found[1][1].numpy().any()


def test_hessian_and_its_products():
    def cubic(x):
        return (x**3).sum() + x[0] * x[1]

    expected = np.diag(6 * np.array(X))
    expected[0, 1] = expected[1, 0] = 1
    v = facula.tensor([1.0, 2.0, 3.0], dtype=facula.float64)
    np.testing.assert_allclose(AF.hessian(cubic, point()).numpy(), expected)
    for product in (AF.hvp, AF.vhp):
        value, found = product(cubic, point(), v)
        np.testing.assert_allclose(value.numpy(), sum(x**3 for x in X) + X[0] * X[1])
        np.testing.assert_allclose(found.numpy(), expected @ v.numpy())


def test_vjp_and_jvp_are_transposes():
    a = facula.arange(6, dtype=facula.float64).reshape(2, 3)

    def f(x):
        return (a @ x).sin()

    jacobian = AF.jacobian(f, point()).numpy()
    u, v = (
        facula.tensor([1.0, -2.0], dtype=facula.float64),
        facula.tensor([1.0, 2.0, 3.0], dtype=facula.float64),
    )
    np.testing.assert_allclose(AF.vjp(f, point(), u)[1].numpy(), u.numpy() @ jacobian)
    np.testing.assert_allclose(AF.jvp(f, point(), v)[1].numpy(), jacobian @ v.numpy())


def test_create_graph_reaches_the_callers_tensor():
    x = point().requires_grad_()
    AF.jacobian(lambda t: t**3, x, create_graph=True).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), 6 * np.array(X))
    assert not AF.jacobian(lambda t: t**3, x).requires_grad


def test_errors():
    with pytest.raises(TypeError, match="must be either a Tensor or a tuple of Tensors"):
        AF.jacobian(lambda x: x, 3.0)
    with pytest.raises(RuntimeError, match="independent"):
        AF.jacobian(lambda x: facula.ones(2), point(), strict=True)
    with pytest.raises(RuntimeError, match="single element"):
        AF.hessian(lambda x: x, point())
    with pytest.raises(RuntimeError, match="can only be None"):
        AF.vjp(lambda x: x, point())
    with pytest.raises(RuntimeError, match=r"\[vjp\] v must have the shape"):
        AF.vjp(lambda x: x, point(), facula.ones(2))
    with pytest.raises(NotImplementedError, match="vectorize"):
        AF.jacobian(lambda x: x, point(), vectorize=True)
    with pytest.raises(NotImplementedError, match="strategy"):
        AF.jacobian(lambda x: x, point(), strategy="forward-mode")
