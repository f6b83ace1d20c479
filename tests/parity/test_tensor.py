"""Tensors, constructors, dtypes, devices and sizes beside PyTorch's: one line of code each, run with both."""

from __future__ import annotations

import copy
import io
import itertools
import pickle
import warnings
from functools import partial
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import facula  # noqa: E402 - after importorskip

TENSOR = """
t.tensor(3)
t.tensor(3.5)
t.tensor(True)
t.tensor(1+2j)
t.tensor([])
t.tensor([[]])
t.tensor([[], []])
t.tensor([1, 2.5])
t.tensor([True, 2])
t.tensor([True, 2.5])
t.tensor([1, 2j])
t.tensor((1, (2)))
t.tensor([[1, 2], (3, 4)])
t.tensor(range(4))
t.tensor([range(2), range(2)])
t.tensor([1, 2], dtype=t.float64)
t.tensor([1.7, -2.7], dtype=t.int32)
t.tensor([1.7], dtype=t.bool)
t.tensor([0, 3], dtype=t.bool)
t.tensor([True, False], dtype=t.float32)
t.tensor([1.5], dtype=t.bfloat16)
t.tensor([1.5], dtype=t.float16)
t.tensor([1.5], dtype=t.complex64)
t.tensor([1, 2], dtype=int)
t.tensor([1, 2], dtype=float)
t.tensor([1, 2], dtype=bool)
t.tensor([1, 2], dtype='float32')
t.tensor([0.1, 0.2, 1e40, -1e40])
t.tensor([0.1, 1/3], dtype=t.float64)
t.tensor(0.1, dtype=t.float64)
t.tensor([float('nan'), float('inf'), -0.0])
t.tensor([2**62])
t.tensor([2**63])
t.tensor([-2**63])
t.tensor([2**64])
t.tensor(2**63)
t.tensor([2**40], dtype=t.int32)
t.tensor([300], dtype=t.uint8)
t.tensor([-1], dtype=t.uint8)
t.tensor([128], dtype=t.int8)
t.tensor([-129], dtype=t.int8)
t.tensor([256.0], dtype=t.int16)
t.tensor([1e30], dtype=t.float16)
t.tensor([2**70], dtype=t.float64)
t.tensor([2**53 + 1], dtype=t.int64)
t.tensor([2**53 + 1, 0.5])
t.tensor([True], dtype=t.uint8)
t.tensor([None])
t.tensor(None)
t.tensor("a")
t.tensor(["a", "b"])
t.tensor({"a": 1})
t.tensor(object())
t.tensor([1, "a"])
t.tensor([1, None])
t.tensor({1, 2})
t.tensor([[1, 2], [3]])
t.tensor([[1, 2], 3])
t.tensor([1, [2]])
t.tensor([[1], [2, 3]])
t.tensor([[[1], [2]], [[3], [4, 5]]])
t.tensor([[1, 2], "ab"])
t.tensor([b"a"])
t.tensor([1+0j], dtype=t.float32)
t.tensor(np.arange(3))
t.tensor(np.arange(3, dtype=np.int32))
t.tensor(np.arange(3.0))
t.tensor(np.arange(6, dtype=np.float32).reshape(2, 3).T)
t.tensor(np.float64(2.5))
t.tensor(np.float32(2.5))
t.tensor(np.int64(2))
t.tensor(np.bool_(True))
t.tensor(np.array(2.5))
t.tensor([np.float64(2.5), 1.0])
t.tensor([np.float32(2.5), np.float32(1)])
t.tensor([np.int32(2)])
t.tensor([np.arange(2), np.arange(2)])
t.tensor([np.arange(2.0), np.arange(2.0)])
t.tensor(np.array(['a']))
t.tensor(np.array([None]))
t.tensor(np.arange(3)[::-1])
t.tensor(np.arange(3).astype('>i4'))
t.tensor(np.zeros((0, 3)))
t.tensor([t.tensor(1), t.tensor(2)])
t.tensor([t.tensor(1.5), t.tensor(2)])
t.tensor([t.tensor(1.5), 2])
t.tensor([t.tensor([1, 2]), t.tensor([3, 4])])
t.tensor([[t.tensor(1.0), 2.0]])
t.tensor(t.tensor([1.0, 2.0]))
t.tensor(t.tensor([1.0, 2.0]), dtype=t.int64)
t.tensor(t.ones(2, 3).t())
t.tensor([1.0], requires_grad=True)
t.tensor([1], requires_grad=True)
t.tensor([1.0], device='cpu')
t.tensor([1.0], device=t.device('cpu'))
t.tensor([1.0], device='nonsense')
t.tensor([1.0], device='cuda')
t.tensor()
t.tensor(1, 2)
t.tensor(data=[1, 2])
t.tensor([[1.0, 2.0]], dtype=t.float64, requires_grad=True)
t.as_tensor([1, 2])
t.as_tensor(3.5)
t.as_tensor(np.arange(3))
t.as_tensor(np.arange(3), dtype=t.float32)
t.as_tensor(t.ones(2))
t.as_tensor(t.ones(2), dtype=t.float64)
t.as_tensor([1, 2], dtype=t.float32, device='cpu')
x = t.ones(2); t.as_tensor(x) is x
a = np.zeros(2); x = t.as_tensor(a); a[0] = 5; x
a = np.zeros(2); x = t.tensor(a); a[0] = 5; x
a = np.zeros(2); x = t.from_numpy(a); a[0] = 5; x[1] = 7; (x, a.tolist())
t.from_numpy([1, 2])
t.from_numpy(3)
t.from_numpy(np.float32(3))
t.from_numpy(np.arange(3)[::-1])
t.from_numpy(np.array(['a']))
t.from_numpy(np.array([1, 2], dtype=object))
t.from_numpy(np.arange(3).astype('>i4'))
t.from_numpy(np.zeros(2, dtype=np.datetime64))
t.from_numpy(np.array(5))
t.from_numpy(np.zeros((2, 0)))
t.from_numpy(np.arange(6).reshape(2, 3).T)
t.from_numpy(np.arange(10)[::2])
t.from_numpy(np.array([1, 2], dtype=np.uint16))
t.from_numpy(np.array([1, 2], dtype=np.complex128))
t.from_numpy(np.array([1, 2], dtype=np.float128))
t.from_numpy(np.array([True]))
t.frombuffer(bytearray(b'\\x01\\x00\\x02\\x00'), dtype=t.int16)
t.frombuffer(bytearray(b'\\x01\\x00\\x02\\x00'), dtype=t.int16, count=1, offset=2)
t.frombuffer(bytearray(b'abc'), dtype=t.int16)
t.frombuffer(bytearray(b''), dtype=t.int16)
t.asarray([1, 2])
t.asarray(np.arange(3.0))
t.asarray([1, 2], dtype=t.float32)
t.asarray(t.ones(2), copy=True)
t.asarray(np.arange(3), copy=False)
t.asarray([1, 2], copy=False)
t.asarray(3.0)
t.scalar_tensor(3)
t.scalar_tensor(3, dtype=t.int64)
"""

ARANGE = """
t.arange(5)
t.arange(0)
t.arange(1, 4)
t.arange(1, 10, 3)
t.arange(10, 1, -3)
t.arange(5, 0, -1)
t.arange(5.0)
t.arange(0, 1, 0.1)
t.arange(1, 2.5, 0.5)
t.arange(0, 1, 0.1, dtype=t.float64)
t.arange(0.0, 100.0, 0.1)
t.arange(-5, 5, 0.3)
t.arange(0.5)
t.arange(2.5)
t.arange(0, 1e-3, 1e-5)
t.arange(1, 0)
t.arange(0, 1, -1)
t.arange(0, 1, 0)
t.arange(0, float('inf'))
t.arange(0, float('nan'))
t.arange(3, dtype=t.float16)
t.arange(3, dtype=t.bfloat16)
t.arange(0, 3, 0.25, dtype=t.float16)
t.arange(3, dtype=t.uint8)
t.arange(3, dtype=t.bool)
t.arange(2, dtype=t.bool)
t.arange(0, 5, 0.7, dtype=t.int64)
t.arange(0.5, 5, 1, dtype=t.int64)
t.arange(2.5, dtype=t.int32)
t.arange(True)
t.arange(2**62, 2**62 + 3)
t.arange(2**53, 2**53 + 3)
t.arange(0, 2**24 + 4, 2**22, dtype=t.float32)
t.arange(16777214, 16777220, dtype=t.float32)
t.arange(start=1, end=5, step=2)
t.arange(end=4)
t.arange(1, end=4)
t.arange(t.tensor(4))
t.arange(t.tensor(1), t.tensor(2.5), t.tensor(0.5))
t.arange(np.int64(4))
t.arange(np.float32(0.5), 2)
t.arange()
t.arange('a')
t.arange(3, requires_grad=True)
t.arange(3.0, requires_grad=True)
o = t.empty(0); t.arange(4, out=o); o
o = t.empty(2, dtype=t.int64); t.arange(4, out=o); o
o = t.empty(4, dtype=t.float64); t.arange(0, 1, 0.25, out=o)
t.arange(0, 1, 1/3)
t.arange(0, 10, 1/7)
t.arange(-1, 1, 2/7, dtype=t.float64)
t.arange(1e8, 1e8 + 100, 7)
t.arange(0, -2, -0.3)
t.arange(1.0, 1.0)
t.arange(3, 3)
t.linspace(0, 1, 5)
t.linspace(0, 1, 7)
t.linspace(-3, 10, 100)
t.linspace(0, 1, 1)
t.linspace(5, 1, 1)
t.linspace(0, 1, 0)
t.linspace(0, 1, 2)
t.linspace(1, 0, 11)
t.linspace(0, 1, 11, dtype=t.float64)
t.linspace(0, 10, 6, dtype=t.int64)
t.linspace(0, 10, 4, dtype=t.int64)
t.linspace(0, 10, 7, dtype=t.int32)
t.linspace(-5, 5, 8, dtype=t.int64)
t.linspace(0, 1, 9, dtype=t.float16)
t.linspace(0, 1, 9, dtype=t.bfloat16)
t.linspace(0.1, 0.7, 13)
t.linspace(1e-3, 1e3, 17)
t.linspace(-1, 1, 33)
t.linspace(0, 2 * 3.141592653589793, 50)
t.linspace(0, 1, 1000)
t.linspace(0, 1, -1)
t.linspace(0, 1)
t.linspace(0, 1, steps=4)
t.linspace(start=0, end=1, steps=4)
t.linspace(t.tensor(0.0), t.tensor(1.0), 3)
t.linspace(0, 1+1j, 3)
t.linspace(0, 1, 3, requires_grad=True)
o = t.empty(3); t.linspace(0, 1, 3, out=o); o
t.logspace(0, 2, 3)
t.logspace(0, 1, 2, base=2)
t.logspace(0, 3, 4, base=2, dtype=t.int64)
"""

FULL = """
t.zeros(2, 3)
t.zeros((2, 3))
t.zeros([2, 3])
t.zeros(t.Size([2, 3]))
t.zeros(size=(2, 3))
t.ones(size=[2])
t.zeros(())
t.zeros([])
t.zeros()
t.zeros(0)
t.zeros(2, 0, 3)
t.zeros(-1)
t.zeros(2, -3)
t.ones((-1,))
t.empty(-1)
t.full((-1,), 2)
t.zeros(2.5)
t.zeros('a')
t.zeros(True)
t.zeros((2, 1.5))
t.zeros((2, 3), 4)
t.zeros(t.tensor(3))
t.zeros(np.int64(3), 2)
t.zeros(2, dtype=t.int64)
t.zeros(2, dtype=t.bool)
t.zeros(2, dtype=float)
t.ones(2, dtype=t.complex64)
t.ones(2, 2, dtype=t.bfloat16)
t.ones(2, requires_grad=True)
t.ones(2, dtype=t.int32, requires_grad=True)
o = t.empty(2, dtype=t.float64); t.zeros(2, out=o)
o = t.empty(0); t.ones(2, 3, out=o); o
t.zeros(2, out=t.empty(2), dtype=t.float64)
t.empty(2, 3).shape
t.empty((2, 3), dtype=t.int8).dtype
t.full((2, 3), 5)
t.full((2,), 5.5)
t.full((2,), True)
t.full((2,), 1j)
t.full([2], 5, dtype=t.float32)
t.full((), 3)
t.full((2,), 2.7, dtype=t.int64)
t.full((2,), float('nan'))
t.full((2,), t.tensor(3))
t.full((2,), t.tensor(3.5))
t.full((2,), 300, dtype=t.uint8)
t.full(3, 1)
t.full((2, 2), fill_value=7)
t.full(size=(2,), fill_value=7)
t.full((2,))
t.full((2,), 'a')
t.full((2,), [1])
o = t.empty(2); t.full((2,), 3, out=o); o
t.eye(3)
t.eye(2, 4)
t.eye(3, 2, dtype=t.int64)
t.eye(0)
t.eye(n=2)
t.eye(2, m=3)
t.eye(-1)
t.eye(2, -1)
t.eye(2.0)
o = t.empty(2, 2); t.eye(2, out=o); o
t.zeros_like(i(2, 3))
t.zeros_like(f(2, 3))
t.ones_like(d(2))
t.ones_like(i(2), dtype=t.float32)
t.full_like(f(2), 3)
t.full_like(i(2), 2.7)
t.full_like(f(2), 3, dtype=t.int64)
t.full_like(u8(2), 300)
t.empty_like(f(3, 2)).shape
t.empty_like(f(3, 2).t()).stride()
t.zeros_like(f(3, 2).t()).stride()
t.zeros_like(f(3, 4)[:, ::2]).stride()
t.zeros_like(f(2, 3, 4).permute(2, 0, 1)).stride()
t.ones_like(f(1).expand(3)).stride()
t.zeros_like(f(3, 1).expand(3, 4)).stride()
t.zeros_like(f(3, 2).t(), memory_format=t.contiguous_format).stride()
t.ones_like(f(2), requires_grad=True)
t.zeros_like(3)
t.zeros_like([1, 2])
f(2).new_zeros(3)
f(2).new_zeros((2, 3))
f(2).new_zeros(2, 3)
d(2).new_ones(2)
i(2).new_full((2,), 3)
i(2).new_full((2,), 3.7)
f(2).new_full((2,), 3, dtype=t.int64)
f(2).new_tensor([1, 2])
i(2).new_tensor([1.5, 2])
f(2).new_tensor([1, 2], dtype=t.int64)
f(2).new_tensor(3)
f(2).new_empty(3).shape
d(2).new_empty((2, 3)).dtype
f(2).new_zeros(2, dtype=t.int64, requires_grad=False)
t.Tensor()
t.Tensor([1, 2])
t.Tensor([1, 2]).dtype
t.Tensor(2, 3).shape
t.Tensor(t.Size([2, 3])).shape
t.Tensor((2, 3))
t.Tensor(3).shape
t.Tensor([[1, 2.5]])
t.Tensor(2.5)
t.Tensor(np.arange(3))
t.Tensor(np.arange(3, dtype=np.float32))
t.Tensor(t.ones(2))
t.Tensor(t.ones(2, dtype=t.int64))
t.FloatTensor([1, 2])
t.FloatTensor(2, 3).shape
t.FloatTensor()
t.DoubleTensor([1, 2])
t.LongTensor([1, 2])
t.LongTensor(2).shape
t.LongTensor([1.5, 2])
t.IntTensor([1])
t.ByteTensor([1, 2])
t.BoolTensor([True, False])
t.HalfTensor([1.5])
t.LongTensor([1]).type()
isinstance(t.ones(1), t.FloatTensor)
isinstance(t.ones(1), t.LongTensor)
isinstance(t.tensor(1), t.LongTensor)
isinstance(t.ones(1), t.Tensor)
t.empty_strided((2, 3), (1, 2)).stride()
t.rand(2, 0).shape
t.rand(-1)
t.randn(2.5)
t.rand(2, dtype=t.int64)
t.randn(2, dtype=t.int64)
t.randint(0, (2,))
t.randint(5, 5, (2,))
t.randint(5, 2, (2,))
t.randint(3, (2, 3)).shape
t.randint(0, 3, size=(4,)).dtype
t.randint(low=0, high=3, size=(4,)).dtype
t.randint(3, 2)
t.randint(0, 2, (3,), dtype=t.float32).dtype
t.randint(0, 300, (3,), dtype=t.uint8)
t.randperm(0)
t.randperm(-1)
t.randperm(1)
t.randperm(5, dtype=t.float32).sort().values
t.randperm(2.5)
t.rand_like(i(3))
t.rand_like(f(3, 2).t()).stride()
t.randn_like(f(3), dtype=t.float64).dtype
t.normal(0.0, 1.0, (2,)).shape
t.normal(0.0, -1.0, (2,))
t.normal(t.zeros(3), 1.0).shape
t.normal(t.zeros(3), t.ones(2))
t.normal(0.0, t.ones(3)).shape
t.normal(0.0, 1.0)
t.bernoulli(t.tensor([0.0, 1.0]))
t.bernoulli(t.tensor([2.0]))
t.bernoulli(t.tensor([1, 0]))
t.multinomial(t.tensor([0.0, 1.0]), 1)
t.multinomial(t.tensor([0.0, 0.0]), 1)
t.multinomial(t.tensor([0.0, 1.0]), 2)
t.multinomial(t.tensor([-1.0, 1.0]), 1)
t.multinomial(t.tensor([1, 1]), 1)
t.empty(3).uniform_(2, 1)
t.empty(3).normal_(0, -1)
t.empty(3, dtype=t.int64).normal_()
t.empty(3, dtype=t.int64).uniform_()
t.empty(3).bernoulli_(2)
t.empty(3).exponential_(-1)
t.empty(3).exponential_(0)
t.empty(3).random_(5, 5)
t.empty(3).geometric_(0)
t.empty(3).cauchy_(0, -1)
t.empty(3).log_normal_(0, -1)
t.empty(3, dtype=t.int64).random_(1)
t.empty(2, dtype=t.uint8).random_(0, 300)
t.empty(2, dtype=t.bool).random_(0, 1)
t.tril_indices(3, 3)
t.tril_indices(3, 4, offset=-1)
t.triu_indices(3, 3)
t.triu_indices(2, 4, 1)
t.range(1, 4)
"""

ATTRIBUTES = """
x = f(2, 3); (x.shape, x.size(), x.size(0), x.size(-1), x.size(dim=1))
x = f(2, 3); (x.ndim, x.dim(), x.ndimension(), x.numel(), x.nelement())
f(2, 3).size(2)
f(2, 3).size(-3)
f().size(0)
f().shape
f(2, 3).shape == (2, 3)
f(2, 3).shape[0]
x = f(2, 3); (x.stride(), x.stride(0), x.stride(-1), x.storage_offset())
x = f(2, 3); (x.element_size(), x.itemsize, x.nbytes)
f(2, 3).stride(2)
x = f(4, 5)[1:, 2:]; (x.stride(), x.storage_offset(), x.is_contiguous())
x = f(4, 5).t()[1]; (x.stride(), x.storage_offset(), x.is_contiguous())
x = f(2, 3, 4).permute(2, 0, 1); (x.stride(), x.storage_offset(), x.is_contiguous())
x = f(3).expand(2, 3); (x.stride(), x.is_contiguous())
x = t.zeros(0, 3); (x.stride(), x.is_contiguous(), x.numel())
f().stride()
x = f(4)[2:]; x.untyped_storage().nbytes()
x = f(4); x.data_ptr() == x.untyped_storage().data_ptr()
x = f(4); x[1:].data_ptr() - x.data_ptr()
x = f(4); x[1:].untyped_storage().data_ptr() == x.untyped_storage().data_ptr()
x = f(2); (x.is_floating_point(), x.is_complex(), x.is_signed(), x.is_cuda, x.is_sparse, x.is_quantized)
x = f(2); (x.is_meta, x.is_leaf, x.is_mps, x.is_cpu, x.is_nested)
x = i(2); (x.is_floating_point(), x.is_complex(), x.is_signed())
(u8(2).is_signed(), b(2).is_signed(), c(2).is_complex(), bf(2).is_floating_point())
f(2).dtype
f(2).device
f(2).device.type
f(2).layout
f(2).get_device()
f(2).is_pinned()
f(2).is_shared()
f(2).is_inference()
f(2)._is_view()
x = f(3); (x[1:]._is_view(), x[1:]._base is x, x._base)
f(2).is_same_size(f(2))
f(2).is_same_size(f(3))
x = f(3); (x.is_set_to(x), x.is_set_to(x.view(3)), x.is_set_to(x[1:]))
f(2).name
f(2).is_conj()
f(2).is_neg()
f(2).resolve_conj() is not None
t.tensor([2.0]).is_nonzero()
t.tensor([2.0, 1.0]).is_nonzero()
f(2, 3).T
f(2, 3).mT
f(2, 3, 4).mT
f(3).mT
c(2, 3).H + 0
c(2, 3).mH + 0
f(2, 3).H
f(3).T
f(2, 3, 4).T
c(2).real
c(2).imag
f(2).real
f(2).imag
f(2).type()
i(2).type()
b(2).type()
bf(2).type()
c(2).type()
f(2).type(t.float64)
f(2).type(t.DoubleTensor)
f(2).type('torch.LongTensor')
f(2).type('nonsense')
f(2).type(int)
f(2).type_as(i(2))
t.typename(f(2))
t.is_tensor(f(2))
t.is_tensor([1])
t.is_storage(f(2).untyped_storage())
t.numel(f(2, 3))
t.is_floating_point(f(2))
t.is_nonzero(t.tensor(0))
t.tensor([[1, 2]]).item()
t.tensor([[1]]).item()
t.tensor(1.5).item()
t.tensor(True).item()
t.tensor(1+2j).item()
t.tensor(0.1).item()
t.tensor(0.1, dtype=t.bfloat16).item()
t.tensor([]).item()
f(2).item()
t.tensor([[1, 2], [3, 4]]).tolist()
t.tensor(5).tolist()
t.tensor([1.5, 0.1]).tolist()
t.tensor([True, False]).tolist()
t.tensor([1.5], dtype=t.bfloat16).tolist()
t.tensor([1j]).tolist()
t.zeros(2, 0).tolist()
float(t.tensor(2.5))
float(t.tensor([2.5]))
float(t.tensor([2.5, 1.0]))
float(t.tensor(1j))
int(t.tensor(2.7))
int(t.tensor([-2.7]))
int(t.tensor([1, 2]))
int(t.tensor(float('inf')))
int(t.tensor(float('nan')))
bool(t.tensor([0.0]))
bool(t.tensor([[2]]))
bool(t.tensor([]))
bool(t.tensor([1, 2]))
complex(t.tensor(2.0))
[10, 20, 30][t.tensor(1)]
[10, 20, 30][t.tensor([1])]
[10, 20, 30][t.tensor(1.0)]
[10, 20, 30][t.tensor(True)]
[10, 20, 30][t.tensor([1, 2])]
list(range(t.tensor(3)))
len(f(3, 2))
len(f())
len(f(0))
list(f(3))
list(f(2, 2))
list(f())
a, = f(1, 2); a
f(3)[0] in f(3)
2.0 in t.tensor([1.0, 2.0])
5 in t.tensor([1, 2])
t.tensor(2) in t.tensor([1, 2])
'a' in t.tensor([1])
None in t.tensor([1])
[1] in t.tensor([1])
reversed(t.tensor([1, 2, 3]))
x = f(2); hash(x) == id(x) or isinstance(hash(x), int)
x = f(2); {x: 1}[x]
f"{t.tensor(1.23456):.2f}"
f"{t.tensor(5):d}"
f"{t.tensor(5):>4}"
f"{t.tensor(2.5)}"
f"{t.tensor(5)}"
f"{t.tensor([1.5])}"
f"{t.tensor([1.5]):.2f}"
f"{t.tensor([1.5, 2]):.2f}"
f"{t.tensor(True)}"
'{:.1%}'.format(t.tensor(0.256))
'%.3f' % t.tensor(0.12345)
'%d' % t.tensor(3)
'%s' % t.tensor([3])
f"{t.tensor(2.5, requires_grad=True):.3f}"
f"{t.tensor(2.5, requires_grad=True)}"
str(t.tensor([1, 2]))
repr(t.tensor([1.0], requires_grad=True))
round(t.tensor(2.567), 2)
round(t.tensor(2.5))
abs(t.tensor(-2))
-t.tensor([1, -2])
+t.tensor([1, -2])
~t.tensor([True, False])
~t.tensor([1, -2])
-t.tensor([True])
divmod(t.tensor(7), 2)
t.tensor(7) // 2
7 // t.tensor(2)
t.tensor(-7) % 3
7 % t.tensor(4)
2 ** t.tensor([1, 2])
t.tensor([1, 2]) ** 2
t.tensor([1, 2]) << 1
t.tensor([4, 8]) >> 1
1 << t.tensor([1, 2])
t.tensor([1, 2]) & 1
1 | t.tensor([1, 2])
t.tensor([True, False]) ^ True
t.tensor([1, 2]) == [1, 2]
t.tensor([1, 2]) == None
t.tensor([1, 2]) != None
t.tensor([1, 2]) == 'a'
t.tensor([1, 2]) < 'a'
t.tensor([1, 2]) + 'a'
t.tensor([1, 2]) + None
t.tensor([1, 2]) + [1, 2]
[1, 2] + t.tensor([1, 2])
t.tensor([1, 2]) * [1, 2]
2 * t.tensor([1, 2])
2 - t.tensor([1.0, 2])
2 / t.tensor([1, 2])
t.tensor([1, 2]) / t.tensor([0, 0])
t.tensor([[1, 2]]) @ t.tensor([[1], [2]])
x = i(3); x += 1; x
x = i(3); x += 1.5; x
x = i(3); x /= 2; x
x = i(3); x //= 2; x
x = i(3); x **= 2; x
x = i(3); x %= 2; x
x = i(3); x <<= 1; x
x = i(3); x &= 1; x
x = t.ones(2, 2); x @= t.ones(2, 2); x
x = t.zeros(2); x += t.ones(2, dtype=t.float64); x
x = t.zeros(2); y = x; x += 1; y
x = t.zeros(2); y = x; x = x + 1; y
x = t.ones(3); x.data = t.zeros(2); x
x = t.ones(3); x.data.fill_(5); x
x = t.ones(3); setattr(x, 'data', 5)
x = t.ones(3); x.data = t.ones(2, dtype=t.int64); x
x = t.ones(3); y = x[1:]; x.data = t.zeros(3); y
x = t.ones(3); x.foo = 5; x.foo
"""

CONVERSIONS = """
x = f(2); x.to(t.float32) is x
x = f(2); x.to('cpu') is x
x = f(2); x.to(t.device('cpu'), t.float32) is x
x = f(2); x.to(x) is x
x = f(2); x.to(t.float32, copy=True) is x
f(2).to(t.float64)
f(2).to(dtype=t.int64)
f(2).to('cpu', t.float64)
f(2).to('cpu', dtype=t.float64)
f(2).to(device='cpu', dtype=t.float64)
f(2).to(i(3))
f(2).to(other=i(3))
f(2).to(t.float64, non_blocking=True, copy=True)
f(2).to(t.float64, True)
f(2).to('cuda')
f(2).to('nonsense')
f(2).to([1])
f(2).to()
f(2).to(None)
f(2).to(float)
f(3, 2).t().to(t.float64).stride()
f(3, 2).t().to(t.float64, memory_format=t.contiguous_format).stride()
of([1.7, -1.7, 300.5, nan, inf]).to(t.bool)
of([1.7, -1.7]).int()
of([1.7, -1.7]).long()
of([1.7, -1.7]).short()
of([1.7, 2]).char()
of([1.7, 2]).byte()
of([1.7, 0]).bool()
of([1.7, 0]).double()
of([1.7, 70000]).half()
of([1.7, 70000.3]).bfloat16()
i(3).float()
i(3).cfloat()
i(3).cdouble()
c(3).float()
of([300, -1], 'int64').byte()
of([200, 300], 'int64').char()
u8(3).char()
b(3).int()
x = f(2); x.cpu() is x
f(2).cuda()
x = f(2); x.float() is x
f(2).numpy(force=True).tolist()
i(2).numpy().dtype
f(2).detach().numpy().dtype
t.ones(2, requires_grad=True).numpy()
bf(2).detach().numpy()
b(2).numpy().dtype
t.tensor(5).numpy().shape
x = t.zeros(2); a = x.numpy(); a[0] = 3; x
x = t.zeros(2); a = x.numpy(); x[1] = 3; a.tolist()
x = t.zeros(2, 3).t(); x.numpy().strides
np.asarray(i(2)).tolist()
np.asarray(t.ones(2), dtype=np.float64).dtype
np.array(i(2)).dtype
np.asarray(t.ones(2, requires_grad=True))
x = t.zeros(2); a = np.asarray(x); a[0] = 1; x
x = t.zeros(2); a = np.array(x); a[0] = 1; x
np.exp(t.tensor([0.0, 0.0]))
np.add(t.tensor([1, 2]), 1)
np.sqrt(t.tensor([4.0]))
np.concatenate([t.ones(2), t.zeros(1)]).tolist()
np.stack([t.ones(2), t.zeros(2)]).shape
np.dot(np.ones(2), t.ones(2)).tolist()
np.allclose(t.ones(2), np.ones(2))
np.array_equal(t.ones(2), np.ones(2))
np.ones(2) / t.tensor([1, 2])
np.ones(2) == t.ones(2)
np.float64(2) * t.ones(2)
np.float32(2) * t.ones(2)
np.int64(2) * t.ones(2)
np.float64(2) + t.tensor([1, 2])
t.ones(2) + np.ones(2)
t.ones(2) * np.ones(2)
t.ones(2) * np.float64(2)
t.ones(2) * np.float32(2.5)
t.ones(2) + np.int64(2)
t.tensor([1, 2]) * np.float64(2.5)
t.tensor([1, 2]) + np.float32(2.5)
t.ones(2, dtype=t.float16) * np.float64(2.5)
t.ones(2) == np.ones(2)
t.ones(2) < np.float64(2)
x = t.ones(2); x += np.float64(2); x
x = t.ones(2); x[0] = np.float64(5); x
x = t.ones(2, 2); x[0] = np.array([5.0, 6.0]); x
x = t.ones(2); x[np.array([0])] = 3; x
t.arange(4)[np.array([1, 2])]
t.arange(4)[np.int64(1)]
np.arange(4)[t.tensor([1, 2])].tolist()
np.arange(4)[t.tensor(1)]
np.arange(4)[t.tensor([True, False, True, False])].tolist()
t.from_dlpack(np.arange(3))
np.from_dlpack(t.arange(3)).tolist()
t.from_dlpack(t.arange(3))
x = t.zeros(2); y = t.from_dlpack(x); y[0] = 1; x
x = t.ones(2, requires_grad=True); np.from_dlpack(x)
f(2).contiguous().is_contiguous()
x = f(2); x.contiguous() is x
f(3, 2).t().contiguous().stride()
f(2).clone()
f(3, 2).t().clone().stride()
f(3, 4)[:, ::2].clone().stride()
x = t.ones(2); y = x.clone(); y[0] = 5; x
x = t.ones(2); y = x.detach(); y[0] = 5; x
x = t.ones(2); x.resize_(3).shape
x = t.arange(4); x.resize_(2, 2)
x = t.arange(4); x.resize_(2)
x = t.arange(4); x.resize_as_(t.zeros(2, 2))
x = t.ones(2); x.set_(t.zeros(3)); x
x = t.ones(2); x.apply_(lambda v: v + 1)
x = t.ones(2); x.map_(t.tensor([5.0, 6.0]), lambda a, b: a + b)
t.ones(2).as_subclass(t.Tensor)
t.tensor([1.0, 2.0]).storage().tolist()
"""

SIZES = """
t.Size([2, 3])
t.Size((2, 3))
t.Size()
t.Size([])
str(t.Size([2]))
t.Size([2, 3])[0]
t.Size([2, 3, 4])[1:]
t.Size([2, 3, 4])[-1]
type(t.Size([2, 3, 4])[1:]).__name__
t.Size([2, 3]) + t.Size([4])
t.Size([2, 3]) + (4,)
(4,) + t.Size([2, 3])
type((4,) + t.Size([2, 3])).__name__
type(t.Size([2]) + (3,)).__name__
[4] + t.Size([2])
t.Size([2, 3]) * 2
2 * t.Size([2, 3])
t.Size([2, 3]).numel()
t.Size([]).numel()
t.Size([2, 3]).count(2)
t.Size([2, 3]).index(3)
t.Size([2, 3]) == (2, 3)
t.Size([2, 3]) == [2, 3]
t.Size([2, 3]) < (3,)
hash(t.Size([2, 3])) == hash((2, 3))
len(t.Size([2, 3]))
list(t.Size([2, 3]))
tuple(t.Size([2, 3]))
2 in t.Size([2, 3])
a, b_ = t.Size([2, 3]); a * b_
t.Size([2.5])
t.Size(['a'])
t.Size([t.tensor(2)])
t.Size([np.int64(2)])
t.Size(5)
'%s' % (t.Size([2]),)
f"{t.Size([2, 3])}"
t.zeros(t.Size([2, 3])[::-1]).shape
t.float32
repr(t.float32)
str(t.int64)
t.bool
t.half
t.double is t.float64
t.float is t.float32
t.long is t.int64
t.int is t.int32
t.short is t.int16
t.cfloat
t.float32.is_floating_point
t.int32.is_floating_point
t.complex64.is_complex
t.uint8.is_signed
t.float32.is_signed
t.float64.itemsize
t.bool.itemsize
t.bfloat16.itemsize
t.float32.to_complex()
t.complex128.to_real()
t.float32.to_real()
t.int64.to_complex()
t.bfloat16.to_complex()
t.bool.to_complex()
t.float32 == t.float32
t.float32 != t.float64
t.float32 == 'float32'
isinstance(t.float32, t.dtype)
{t.float32: 1}[t.float32]
t.get_default_dtype()
t.set_default_dtype(t.int64)
t.set_default_dtype('float32')
t.device('cpu')
t.device('cuda')
t.device('cuda:1')
t.device('cuda', 1)
t.device(type='cuda', index=1)
t.device('cpu', 0)
str(t.device('cuda:1'))
str(t.device('cpu'))
t.device('cuda:1').index
t.device('cpu').index
t.device('cpu').type
t.device(t.device('cpu'))
t.device('nonsense')
t.device('cuda:x')
t.device('cuda:-1')
t.device('')
t.device('cpu:0')
t.device('cuda:1', 2)
t.device(3.5)
t.device()
t.device('cpu') == t.device('cpu')
t.device('cpu') == 'cpu'
t.device('cpu') != t.device('cuda')
{t.device('cpu'): 1}[t.device('cpu')]
t.device('meta')
t.device('mps')
isinstance(t.device('cpu'), t.device)
t.get_default_device()
t.finfo(t.float32).eps
t.finfo(t.float32).max
t.finfo(t.float32).min
t.finfo(t.float32).tiny
t.finfo(t.float32).smallest_normal
t.finfo(t.float32).resolution
t.finfo(t.float32).bits
t.finfo(t.float32).dtype
t.finfo(t.float32)
t.finfo()
t.finfo(t.float16)
t.finfo(t.bfloat16)
t.finfo(t.float64).eps
t.finfo(t.float64)
t.finfo(t.complex64)
t.finfo(t.int32)
t.finfo(t.float32) == t.finfo(t.float32)
t.finfo(dtype=t.float64).max
t.finfo(t.float8_e4m3fn)
t.finfo(t.float8_e5m2).max
t.iinfo(t.int32).max
t.iinfo(t.int64).min
t.iinfo(t.uint8)
t.iinfo(t.int64)
t.iinfo(t.int8).bits
t.iinfo(t.int16).dtype
t.iinfo(t.float32)
t.iinfo(t.bool)
t.iinfo()
t.iinfo(t.uint64).max
"""


def _lines(*tables: str) -> list[str]:
    return [line for table in tables for line in table.strip().split("\n")]


@pytest.mark.parametrize("code", _lines(TENSOR, ARANGE, FULL, ATTRIBUTES, CONVERSIONS, SIZES))
def test_line(code: str, agree: Any) -> None:
    agree(code, exact=True)


# ---- rounding ----------------------------------------------------------------------------------------------


def _bits(lib: Any, code: str) -> bytes:
    x = eval(code, {"t": lib})
    return bytes(x.view(getattr(lib, f"int{8 * x.itemsize}")).numpy().tobytes())


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16", "int64", "int32"])
def test_arange_and_linspace_agree_in_every_bit(dtype: str) -> None:
    random = np.random.default_rng(5)
    wrong = []
    for _ in range(120):
        a, b = (float(v) for v in random.uniform(-20, 20, 2))
        n = int(random.integers(1, 200))
        a, b = (round(a, 2), round(b, 2)) if n % 2 else (a, b)
        step = (b - a) / n
        codes = [f"t.linspace({a}, {b}, {n}, dtype=t.{dtype})"]
        if "int" not in dtype:
            codes.append(f"t.arange({a}, {b}, {step}, dtype=t.{dtype})")
            codes.append(f"t.arange({n / 7}, dtype=t.{dtype})")
        wrong += [code for code in codes if _bits(facula, code) != _bits(torch, code)]
    assert not wrong


# ---- the default dtype -------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float64", "float16", "bfloat16"])
@pytest.mark.parametrize(
    "code", ["tensor(1.5)", "ones(1)", "arange(2.0)", "tensor([1]) / 2", "tensor([1]) * 0.5", "eye(1)"]
)
def test_default_dtype(code: str, dtype: str, agree: Any) -> None:
    try:
        agree(f"t.set_default_dtype(t.{dtype}); t.{code}", exact=True)
    finally:
        facula.set_default_dtype(facula.float32)
        torch.set_default_dtype(torch.float32)


# ---- promotion ---------------------------------------------------------------------------------------------

DTYPES = [
    "bool",
    "uint8",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint16",
    "uint32",
    "uint64",
    "float16",
    "bfloat16",
    "float32",
    "float64",
    "complex64",
    "complex128",
    "float8_e4m3fn",
    "float8_e5m2",
]


def _try(function: Any) -> str:
    try:
        with warnings.catch_warnings():  # PyTorch's about complex32
            warnings.simplefilter("ignore")
            return str(function()).replace("facula.", "torch.")
    except Exception as error:
        return type(error).__name__


@pytest.mark.parametrize("function", ["promote_types", "can_cast"])
def test_pairs_of_dtypes(function: str) -> None:
    def call(lib: Any, a: str, b: str) -> Any:
        return getattr(lib, function)(getattr(lib, a), getattr(lib, b))

    for a, b in itertools.product(DTYPES, repeat=2):
        ours, theirs = (_try(partial(call, lib, a, b)) for lib in (facula, torch))
        assert ours == theirs, (function, a, b)


def test_result_type_of_tensors_and_numbers() -> None:
    def operands(lib: Any) -> list[Any]:
        found: list[Any] = [True, 2, 2.5, 2j]
        for name in DTYPES[:15]:
            found += [lib.ones(2, dtype=getattr(lib, name)), lib.ones((), dtype=getattr(lib, name))]
        return found

    pairs = zip(operands(facula), operands(torch), strict=True)
    for (a, a_), (b, b_) in itertools.product(pairs, repeat=2):
        ours, theirs = _try(partial(facula.result_type, a, b)), _try(partial(torch.result_type, a_, b_))
        if "complex32" not in theirs:  # which is not there
            assert ours == theirs, (a, b)


def test_sums_have_the_promoted_dtype() -> None:
    def total(lib: Any, a: str, b: str, shapes: Any) -> Any:
        x, y = (lib.ones(s, dtype=getattr(lib, d)) for s, d in zip(shapes, (a, b), strict=True))
        return (x + y).dtype

    for a, b in itertools.product(DTYPES[:15], repeat=2):
        for shapes in (((2,), (2,)), ((2,), ()), ((), (2,)), ((), ())):
            ours, theirs = (_try(partial(total, lib, a, b, shapes)) for lib in (facula, torch))
            if "complex32" not in theirs and theirs != "NotImplementedError":
                assert ours == theirs, (a, b, shapes)


# ---- copies and files --------------------------------------------------------------------------------------


def _describe(x: Any) -> Any:
    grad = x.grad.tolist() if x.grad is not None else None
    return (
        str(x.dtype).rpartition(".")[2],
        tuple(x.shape),
        x.stride(),
        x.tolist(),
        x.requires_grad,
        x.is_leaf,
        grad,
    )


def _made(lib: Any) -> list[Any]:
    x = lib.tensor([1.0, 2.0], requires_grad=True)
    (x * x).sum().backward()
    p = lib.nn.Parameter(lib.ones(2, 2))
    frozen = lib.nn.Parameter(lib.ones(1), requires_grad=False)
    return [
        x,
        p,
        frozen,
        lib.arange(6).reshape(2, 3).t(),
        lib.zeros(0, 2),
        lib.tensor(3.5),
        lib.ones(2, dtype=lib.bfloat16),
    ]


def _deepcopied(lib: Any) -> Any:
    made = _made(lib)
    x, p = made[:2]
    copies = copy.deepcopy([*made, x, p])
    return [
        [(type(c).__name__, _describe(c)) for c in copies],
        copies[-1] is copies[1],
        copies[-2] is copies[0],
        copies[0] is x,
        copies[0].data_ptr() == x.data_ptr(),
        copies[0].grad is x.grad,
    ]


def _copied(lib: Any) -> Any:
    made = _made(lib)
    copies = [copy.copy(x) for x in made]
    return [
        (type(c).__name__, _describe(c), c is x, c.data_ptr() == x.data_ptr())
        for c, x in zip(copies, made, strict=True)
    ]


def _pickled(lib: Any) -> Any:
    made = pickle.loads(pickle.dumps(_made(lib)))
    others = [lib.float32, lib.device("cpu"), lib.Size([2, 3]), lib.strided, lib.contiguous_format]
    back = pickle.loads(pickle.dumps(others))
    return [
        [(type(c).__name__, _describe(c)[:6]) for c in made],
        [a == b for a, b in zip(others, back, strict=True)],
        back[0] is lib.float32,
    ]


def _saved(lib: Any) -> Any:
    file = io.BytesIO()
    lib.save(_made(lib), file)
    file.seek(0)
    return [(type(c).__name__, _describe(c)[:6]) for c in lib.load(file)]


def _deepcopy_of_a_result(lib: Any) -> Any:
    y = lib.ones(2, requires_grad=True) * 2
    return _try(lambda: copy.deepcopy(y)), _describe(copy.deepcopy(y.detach()))


def _deepcopy_of_views(lib: Any) -> Any:
    x = lib.arange(6.0)
    a, b = copy.deepcopy([x, x[2:4]])
    a[2] = 100
    return b.tolist(), b.storage_offset(), b.untyped_storage().nbytes()


@pytest.mark.parametrize(
    "case", [_deepcopied, _copied, _pickled, _saved, _deepcopy_of_a_result, _deepcopy_of_views]
)
def test_copies(case: Any) -> None:
    assert case(facula) == case(torch)


@pytest.mark.parametrize("shapes", [((2, 1), (1, 3)), ((3,), (2, 3), ()), (4, (1, 4)), ((0,), (1,))])
def test_broadcast_shapes(shapes):
    assert tuple(facula.broadcast_shapes(*shapes)) == tuple(torch.broadcast_shapes(*shapes))


def test_broadcast_shapes_that_do_not_fit():
    for library in (facula, torch):
        with pytest.raises(RuntimeError):
            library.broadcast_shapes((2,), (3,))


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 2, 0)])
def test_dim_order(order):
    assert facula.zeros(2, 3, 4).permute(order).dim_order() == torch.zeros(2, 3, 4).permute(order).dim_order()
