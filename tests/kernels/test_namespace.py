"""facula.kernels.namespace: an array's library by its type."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from facula.kernels.namespace import namespace, register, unregister


class Foreign:
    """An array type that is no ndarray."""


@pytest.mark.parametrize("x", [np.zeros(2), np.float32(1), np.array(1)[()], True, 1, 1.5, 2j], ids=repr)
def test_numpy_and_numbers_are_numpys(x):
    assert namespace(x) is np


def test_a_registered_type_and_its_subclasses_have_their_module():
    module = SimpleNamespace(tanh=lambda x: "foreign tanh")
    subclass = type("Derived", (Foreign,), {})
    register(Foreign, module)
    try:
        assert namespace(Foreign()).tanh(0) == "foreign tanh"
        assert namespace(subclass()) is module
    finally:
        unregister(Foreign)
    for kind in (Foreign, subclass):
        with pytest.raises(TypeError):
            namespace(kind())


def test_an_ndarray_subclass_can_have_its_own():
    class Shadow(np.ndarray): ...

    assert namespace(np.zeros(1).view(Shadow)) is np  # remembered as NumPy's ...
    register(Shadow, "shadow")  # ... until it has its own
    try:
        assert namespace(np.zeros(1).view(Shadow)) == "shadow"
        assert namespace(np.zeros(1)) is np
    finally:
        unregister(Shadow)


@pytest.mark.parametrize("x", ["text", None, [1, 2], object()], ids=["str", "None", "list", "object"])
def test_anything_else_is_refused_by_name(x):
    with pytest.raises(TypeError, match=rf"\[namespace\].*{type(x).__name__}"):
        namespace(x)
