"""Parameters as one vector and back."""

from __future__ import annotations

from collections.abc import Iterable

from ... import _branding
from ..._tensor import Tensor


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """All elements of the parameters in one new vector, one parameter after the other.

    >>> import facula
    >>> facula.nn.utils.parameters_to_vector([facula.ones(2), facula.zeros(1, 1)])
    tensor([1., 1., 0.])
    """
    from ... import cat

    return cat([p.reshape(-1) for p in parameters])


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Make the parameters views of successive parts of a vector.

    Args:
        vec: at least as many elements as the parameters have together.
        parameters: their `.data` is replaced.

    Raises:
        TypeError: `vec` is no tensor.
        RuntimeError: it is too short.

    >>> import facula
    >>> p = facula.nn.Parameter(facula.zeros(2))
    >>> facula.nn.utils.vector_to_parameters(facula.tensor([1.0, 2.0]), [p])
    >>> p
    Parameter containing:
    tensor([1., 2.], requires_grad=True)
    """
    if not isinstance(vec, Tensor):
        raise TypeError(f"expected {_branding.name()}.Tensor, but got: {type(vec).__name__}")
    start = 0
    for parameter in parameters:
        count = parameter.numel()
        parameter.data = vec[start : start + count].view_as(parameter).data
        start += count
