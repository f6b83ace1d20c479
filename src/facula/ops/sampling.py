"""Random tensors: the public functions and in-place methods over the samplers of `facula.random`."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _dtype, random
from .._tensor import Tensor, wrap
from ..autograd.op import _no_recording, check_inplace, public, write_out
from ..factory import _dtype_of, _finish, _like, shape_of


def _sequence(name: str, size: Any) -> tuple[Any, ...]:
    if not isinstance(size, (tuple, list)):
        raise TypeError(f"{name}(): argument 'size' must be tuple of ints, not {type(size).__name__}")
    return tuple(size)


def _new(name: str, array: Any, out: Any, device: Any, requires_grad: bool, layout: Any = None) -> Tensor:
    if out is not None:
        result: Tensor = write_out(name, wrap(array), out)
        return result
    return _finish(array, device, requires_grad, layout)


@public("torch")
def rand(
    *args: Any,
    size: Any = None,
    generator: Any = None,
    out: Any = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """Uniform random numbers in [0, 1).

    >>> import facula
    >>> _ = facula.manual_seed(0)
    >>> facula.rand(2)
    tensor([0.4963, 0.7682])
    """
    array = random.uniform(shape_of("rand", args, size), _dtype_of(dtype), 0.0, 1.0, generator)
    return _new("rand", array, out, device, requires_grad, layout)


@public("torch")
def randn(
    *args: Any,
    size: Any = None,
    generator: Any = None,
    out: Any = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """Random numbers of the standard normal distribution."""
    array = random.normal(shape_of("randn", args, size), _dtype_of(dtype), 0.0, 1.0, generator)
    return _new("randn", array, out, device, requires_grad, layout)


@public("torch")
def randint(
    low: Any,
    high: Any = None,
    size: Any = None,
    *,
    generator: Any = None,
    out: Any = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """Random integers from `low` (default 0) up to but without `high`: `randint(high, size)` or
    `randint(low, high, size)`.
    """
    if size is None:
        low, high, size = 0, low, high
    elif high is None:
        low, high = 0, low
    if size is None:
        raise TypeError("randint() missing 1 required argument: 'size'")
    if low >= high:
        raise RuntimeError(f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}")
    array = random.integers(
        shape_of("randint", (_sequence("randint", size),)),
        _dtype_of(dtype, _dtype.int64),
        int(low),
        int(high),
        generator,
    )
    return _new("randint", array, out, device, requires_grad, layout)


@public("torch")
def randperm(
    n: int, *, generator: Any = None, out: Any = None, dtype: Any = None, layout: Any = None, device: Any =
    None,
    requires_grad: bool = False, pin_memory: bool = False,
) -> Tensor:  # fmt: skip
    """The integers from 0 to n - 1 in random order."""
    return _new(
        "randperm",
        random.randperm(n, _dtype_of(dtype, _dtype.int64), generator),
        out,
        device,
        requires_grad,
        layout,
    )


@public("torch")
def rand_like(
    input: Tensor, *, dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False,
    memory_format: Any = None, generator: Any = None,
) -> Tensor:  # fmt: skip
    """Uniform random numbers in [0, 1) of the shape and dtype of `input`."""
    target = _like("rand_like", input, dtype, memory_format)
    return _finish(random.uniform(target, None, 0.0, 1.0, generator), device, requires_grad, layout)


@public("torch")
def randn_like(
    input: Tensor, *, dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False,
    memory_format: Any = None, generator: Any = None,
) -> Tensor:  # fmt: skip
    """Random numbers of the standard normal distribution of the shape and dtype of `input`."""
    target = _like("randn_like", input, dtype, memory_format)
    return _finish(random.normal(target, None, 0.0, 1.0, generator), device, requires_grad, layout)


@public("torch")
def randint_like(
    input: Tensor, low: Any, high: Any = None, *, dtype: Any = None, layout: Any = None, device: Any = None,
    requires_grad: bool = False, memory_format: Any = None, generator: Any = None,
) -> Tensor:  # fmt: skip
    """Random integers of the shape and dtype of `input`."""
    low, high = (0, low) if high is None else (low, high)
    target = _like("randint_like", input, dtype, memory_format)
    return _finish(
        random.integers(target, None, int(low), int(high), generator), device, requires_grad, layout
    )


@public("torch")
def normal(
    mean: Any = 0.0,
    std: Any = 1.0,
    size: Any = None,
    *,
    generator: Any = None,
    out: Any = None,
    dtype: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Normal random numbers; `mean` and `std` are numbers (with `size`) or tensors that broadcast."""
    if size is not None:
        return _new(
            "normal",
            random.normal(tuple(size), _dtype_of(dtype), float(mean), float(std), generator),
            out,
            None,
            requires_grad,
        )
    if not isinstance(mean, Tensor) and not isinstance(std, Tensor):
        raise TypeError("normal() needs a size when mean and std are numbers")
    try:
        shape = np.broadcast_shapes(*(v._array.shape for v in (mean, std) if isinstance(v, Tensor)))
    except ValueError:
        raise RuntimeError(
            f"[normal] shapes of mean and std must broadcast: got {tuple(mean.shape)} and {tuple(std.shape)}"
        ) from None
    kind = (mean if isinstance(mean, Tensor) else std).dtype
    drawn = wrap(random.normal(shape, kind.numpy, 0.0, 1.0, generator))
    result: Tensor = write_out("normal", (drawn * std + mean).detach(), out)
    return result.requires_grad_() if requires_grad else result


@public("torch", "Tensor")
def bernoulli(input: Tensor, p: Any = None, *, generator: Any = None, out: Any = None) -> Tensor:
    """1 with the probability that the element of `input` says, else 0; with `p`, that probability
    everywhere.
    """
    array = random.bernoulli(
        input._array.shape, input._array.dtype, input._array if p is None else p, generator
    )
    return write_out("bernoulli", wrap(array), out)


@public("torch", "Tensor")
def multinomial(
    input: Tensor, num_samples: int, replacement: bool = False, *, generator: Any = None, out: Any = None
) -> Tensor:
    """Indices drawn with the weights in the last dimension of `input`."""
    return write_out(
        "multinomial", wrap(random.multinomial(input._array, num_samples, replacement, generator)), out
    )


@public("torch")
def poisson(input: Tensor, generator: Any = None) -> Tensor:
    """Poisson random numbers with the rates in `input`."""
    return wrap(random.poisson(input._array, generator))


# ---- in place ----------------------------------------------------------------------------------------------


def _drawn(self: Tensor, draw: Any, *args: Any) -> Tensor:
    """Fill a tensor by a sampler; its history is cut, as nothing of the old elements remains."""
    recorded = check_inplace(self)
    draw(self._array, None, *args)
    self._vc[0] += 1
    if recorded and self._requires_grad:
        with _no_recording():
            fresh = self.detach()
        self.zero_()
        self.copy_(fresh.clone())
    return self


@public("Tensor")
def uniform_(
    self: Tensor, from_: float = 0.0, to: float = 1.0, *, generator: Any = None, **kwargs: Any
) -> Tensor:
    """Fill with uniform random numbers in [from, to)."""
    low = kwargs.pop("from", from_)
    if kwargs:
        raise TypeError(f"uniform_() got an unexpected keyword argument '{next(iter(kwargs))}'")
    return _drawn(self, random.uniform, float(low), float(to), generator)


@public("Tensor")
def normal_(self: Tensor, mean: float = 0.0, std: float = 1.0, *, generator: Any = None) -> Tensor:
    """Fill with normal random numbers."""
    return _drawn(self, random.normal, float(mean), float(std), generator)


@public("Tensor")
def random_(
    self: Tensor, from_: Any = None, to: Any = None, *, generator: Any = None, **kwargs: Any
) -> Tensor:
    """Fill with random integers: `random_()` over the dtype's range, `random_(to)`, `random_(from, to)`."""
    from_ = kwargs.pop("from", from_)
    if from_ is not None and to is None:
        from_, to = 0, from_
    return _drawn(self, random.integers, from_, to, generator)


@public("Tensor")
def bernoulli_(self: Tensor, p: Any = 0.5, *, generator: Any = None) -> Tensor:
    """Fill with 1 with probability `p` (a number or a tensor), else 0."""
    return _drawn(self, random.bernoulli, p._array if isinstance(p, Tensor) else p, generator)


@public("Tensor")
def exponential_(self: Tensor, lambd: float = 1.0, *, generator: Any = None) -> Tensor:
    """Fill with exponential random numbers of rate `lambd`."""
    return _drawn(self, random.exponential, lambd, generator)


@public("Tensor")
def geometric_(self: Tensor, p: float, *, generator: Any = None) -> Tensor:
    """Fill with the number of trials up to the first success of probability `p`."""
    return _drawn(self, random.geometric, p, generator)


@public("Tensor")
def cauchy_(self: Tensor, median: float = 0.0, sigma: float = 1.0, *, generator: Any = None) -> Tensor:
    """Fill with Cauchy random numbers."""
    return _drawn(self, random.cauchy, median, sigma, generator)


@public("Tensor")
def log_normal_(self: Tensor, mean: float = 1.0, std: float = 2.0, *, generator: Any = None) -> Tensor:
    """Fill with numbers whose logarithm is normal."""
    return _drawn(self, random.log_normal, mean, std, generator)
