"""Every public operation beside PyTorch's: arithmetic, comparisons, reductions, sorting, products, dtypes, errors."""

# ruff: noqa: E501 - tables of calls, a topic to a paragraph
from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

# What is one IEEE operation, a choice among the elements or a test must agree in every bit.
EXACT_UNARY = {
    "f(5)": "abs neg sign sgn floor ceil trunc round frac square relu isnan isinf isfinite signbit reciprocal positive logical_not",
    "d(3, 2)": "abs neg sign floor ceil trunc round frac square relu reciprocal isnan",
    "p(4)": "sqrt",
    "i(6)": "abs neg sign floor ceil trunc round square relu bitwise_not isnan isfinite signbit logical_not positive",
    "u8(6)": "bitwise_not sign logical_not relu square neg",
    "b(5)": "bitwise_not logical_not sign sgn isnan",
    "h(5)": "abs neg sign floor ceil trunc round square relu",
    "bf(5)": "abs neg sign floor ceil trunc round square relu",
    "f()": "abs neg floor square relu isnan",
    "f(0, 3)": "abs neg floor square relu isnan",
    "f(4, 3).T": "abs neg floor square relu isnan",
    "of([0.0, -0.0, inf, -inf, nan])": "abs neg sign sgn floor round trunc square isnan isinf isfinite relu nan_to_num signbit",
    "of([-2.5, -1.5, -0.5, 0.5, 1.5])": "round floor ceil trunc frac abs sign",
    "c(3)": "neg isnan isfinite",
}
CLOSE_UNARY = {
    "p(5)": "exp exp2 expm1 log log2 log10 log1p sqrt rsqrt sin cos tan asinh sinh cosh tanh erf erfc sigmoid atan lgamma digamma erfinv",
    "u(5)": "exp asin acos atan atanh tanh sinh sin cos tan sigmoid erf erfc log1p erfinv deg2rad rad2deg sinc",
    "f(2, 3)": "exp sin cos tanh sigmoid erf atan asinh log sqrt sinc",
    "d(4)": "exp sin cos tan tanh sigmoid erf erfc log sqrt rsqrt exp2 expm1 sinh cosh",
    "i(4)": "exp sin sigmoid tanh reciprocal rsqrt log sqrt erf deg2rad",
    "b(4)": "exp sin sigmoid tanh reciprocal",
    "h(4)": "exp sin tanh sigmoid log sqrt erf",
    "bf(4)": "exp sin tanh sigmoid log sqrt erf",
    "f()": "exp tanh sigmoid",
    "f(0)": "exp tanh sigmoid",
    "f(4, 3).T": "exp tanh sigmoid",
    "c(3)": "exp log sin cos sqrt square reciprocal tanh abs sgn sigmoid angle conj",
    "1 + p(4)": "acosh log",
    "of([0.0, inf, -inf, nan, -1.0])": "exp log sqrt rsqrt tanh sigmoid erf sin expm1 log1p asinh erfc exp2",
}
EXACT_BINARY = {
    "f(3, 4), f(4)": "add sub mul div maximum minimum fmax fmin eq ne lt le gt ge copysign",
    "f(3, 1), f(1, 4)": "add sub mul div maximum eq",
    "f(3), 2": "add sub mul div eq lt",
    "f(3), 2.5": "add sub mul div ne ge",
    "i(5), 2": "add sub mul div eq ge floor_divide remainder fmod bitwise_and bitwise_or bitwise_xor",
    "i(5), 2.5": "add sub mul div eq ge remainder",
    "i(5), i(5)": "add sub mul div maximum minimum eq lt bitwise_and bitwise_or bitwise_xor logical_and logical_or logical_xor",
    "i(5), of([1, -2, 3, 4, -5], 'int64')": "div floor_divide remainder fmod",
    "i(5), of([1, 0, 3, 4, -5], 'int64')": "floor_divide remainder fmod div",
    "i(5), i32(5)": "add sub mul maximum bitwise_and",
    "u8(5), i8(5)": "add sub mul",
    "i(5), f(5)": "add sub mul div maximum lt",
    "h(5), f(5)": "add sub mul maximum",
    "h(5), bf(5)": "add sub mul",
    "h(5), h(5)": "add sub mul div maximum eq",
    "bf(5), bf(5)": "add sub mul div maximum eq",
    "bf(5), 2": "add mul div",
    "h(5), 0.1": "add sub",
    "bf(5), 0.1": "add sub mul div",
    "b(4), b(4)": "add mul sub div bitwise_and bitwise_or bitwise_xor eq maximum logical_and",
    "b(4), 2": "add mul div",
    "b(4), f(4)": "add mul div",
    "b(4), True": "add mul eq bitwise_and",
    "f(4), d(4)": "add mul sub div maximum eq",
    "f(4), d()": "add mul sub maximum eq",
    "i(4), d()": "add mul div",
    "i(4), f()": "add mul div",
    "i8(4), i()": "add mul",
    "i8(4), 100": "add mul",
    "u8(4), 250": "add mul",
    "u8(4), -3": "add mul",
    "f(), i(4)": "add mul",
    "f(), f()": "add mul div",
    "f(2, 0), f(1)": "add mul maximum",
    "f(4, 3).T, f(3, 4)": "add mul sub",
    "f(4, 3).T, f(4, 3).T": "add mul sub",
    "f(4, 3).T, f(4)": "add mul",
    "few(5), few(5)": "maximum minimum eq fmax fmin",
    "f(4), 3j": "add mul",
    "c(3), c(3)": "add sub",
    "c(3), 2.0": "add mul",
    "c(3), f(3)": "add",
    "of([1.0, nan, inf]), of([nan, 2.0, -inf])": "maximum minimum fmax fmin add eq lt",
}
CLOSE_BINARY = {
    "p(4), f(4)": "pow atan2 remainder fmod floor_divide logaddexp hypot logaddexp2 xlogy",
    "f(4), p(4)": "atan2 remainder fmod floor_divide logaddexp hypot",
    "f(4), 2": "pow remainder fmod floor_divide",
    "f(4), -1.5": "remainder fmod floor_divide",
    "f(4), 3": "pow",
    "p(4), 0.5": "pow",
    "p(4), -0.5": "pow",
    "p(4), -2": "pow",
    "f(4), 0": "pow",
    "p(4), 1.7": "pow",
    "i(4), 2": "pow",
    "i(4), 0": "pow",
    "i(4), 2.0": "pow",
    "i(4), -1": "pow",
    "i(4), u8(4)": "pow",
    "b(3), 2": "pow",
    "d(3), 3": "pow",
    "h(3), 2": "pow",
    "bf(3), 2": "pow",
    "p(3, 1), f(1, 2)": "pow atan2 hypot",
    "of([0.0, 0.0, -1.0, -1.0]), of([0.0, 2.0, 2.0, 0.5])": "pow xlogy",
    "of([3.0, -3.0, 3.0, -3.0, inf, 1.0]), of([2.0, 2.0, -2.0, -2.0, 1.0, inf])": "remainder fmod floor_divide atan2 hypot",
    "of([1.0, 0.0, -1.0]), of([0.0, 0.0, 0.0])": "remainder fmod floor_divide div atan2",
    "i(4), i(4)": "atan2 logaddexp",
    "c(3), c(3)": "mul div pow",
    "c(3), 2": "pow div",
    "h(5), 0.1": "mul div",
}
INPLACE_UNARY = [  # of positive numbers below 1, where all are defined and smooth
    "abs acos asin atan ceil cos cosh deg2rad digamma erf erfc erfinv exp exp2 expm1 floor frac lgamma log log10 log1p",
    "log2 logit nan_to_num neg rad2deg reciprocal round rsqrt sgn sigmoid sign sin sinc sinh sqrt square tan tanh trunc relu",
    "absolute negative fix arccos arcsin arctan",
]
INPLACE_BINARY = "add sub mul div true_divide multiply subtract divide atan2 arctan2 copysign floor_divide fmod remainder hypot xlogy pow float_power"
INPLACE_TESTS = (
    "eq ne lt le gt ge greater greater_equal less less_equal not_equal logical_and logical_or logical_xor"
)
INPLACE_BITS = "bitwise_and bitwise_or bitwise_xor bitwise_left_shift bitwise_right_shift"
INPLACE = [
    "x = g(3); x.add_(f(3)); x", "x = g(3); x.add_(2); x", "x = g(3); x.add_(f(3), alpha=3); x", "x = g(3); x.sub_(f(3)); x",
    "x = g(3); x.mul_(f(3)); x", "x = g(3); x.div_(f(3)); x", "x = g(3); x.mul_(2); x", "x = g(3); x += 1; x",
    "x = g(3); x *= f(3); x", "x = g(3); x -= f(3); x", "x = g(3); x /= 3; x", "x = p(3).clone(); x.pow_(2); x",
    "x = p(3).clone(); x **= 2; x", "x = g(3); x.clamp_(0); x", "x = g(3); x.clamp_(max=0.5); x", "x = g(3); x.clamp_min_(0); x",
    "x = g(3); x.fill_(2); x", "x = g(3); x.zero_(); x", "x = g(3); x.copy_(f(3)); x", "x = g(3, 2); x.copy_(f(2)); x",
    "x = g(3); x.fill_(f()); x", "x = g(3); x.copy_(i(3)); x", "x = i(3); x.copy_(of([1.7, -1.7, 0.2])); x",
    "x = g(3); x.lerp_(f(3), 0.3); x", "x = g(3); x.addcmul_(f(3), f(3), value=2); x", "x = g(3); x.addcdiv_(f(3), p(3), value=2); x",
    "x = i(3); x.add_(2.5); x", "x = i(3); x.add_(f(3)); x", "x = i(3); x.div_(2); x", "x = i(3); x //= 2; x", "x = i(3); x %= 3; x",
    "x = g(3); x.add_(f(2, 3)); x", "x = g(3); x.add_(d(3)); x", "x = i32(3); x.add_(i(3)); x", "x = b(3); x.add_(1); x",
    "x = b(3); x &= b(3); x", "x = i(3); x |= 4; x", "x = i(3); x ^= i(3); x",
    "x = g(3); x.masked_fill_(b(3), 0.5); x", "x = g(2, 3); x.t_(); x", "x = g(2, 3); x.transpose_(0, 1); x",
    "x = g(1, 3); x.squeeze_(); x", "x = g(3); x.unsqueeze_(0); x", "x = few(3).detach(); x.logical_not_(); x", "x = g(3); x.eq_(0); x",
    "x = g(3); x.gt_(f(3)); x", "x = f(3); x.add_(1)", "x = g(3, 3); x.fill_diagonal_(2); x", "x = g(3); x.remainder_(0.7); x",
    "x = g(3, 3); x.tril_(); x", "x = g(3, 3); x.triu_(1); x", "x = g(3); x.cumsum_(0); x", "x = g(3, 4); x.index_fill_(1, ix(4, 2), 3.0); x",
    "x = g(4, 2); x.index_add_(0, ix(4, 3), f(3, 2)); x", "x = g(4, 2); x.index_copy_(0, of([2, 0], 'int64'), f(2, 2)); x",
    "x = g(2, 2); x.addmm_(f(2, 3), f(3, 2)); x", "x = g(3); x.masked_scatter_(b(3), f(3)); x", "x = g(3); x.clip_(-1, 1); x",
    "x = g(3); x.subtract_(1); x", "x = g(3); x.multiply_(f(3)); x", "x = g(3); x.divide_(2); x", "x = g(2, 3); x.swapaxes_(0, 1); x",
    "x = g(3); x.addcmul_(f(3), f(3)); x", "x = g(3, 2); x.sub_(f(2), alpha=2); x", "x = g(3); x.div_(f(3), rounding_mode='floor'); x",
    "x = g(3); x.relu_(); x", "x = g(3); F.relu(x, inplace=True); x", "x = g(3); F.leaky_relu_(x); x",
]  # fmt: skip
REDUCTIONS = "sum mean prod max min amax amin argmax argmin all any var std"
REDUCE = [
    "t.sum(f(3, 4))", "f(3, 4).sum(0)", "f(3, 4).sum(-1)", "f(3, 4).sum((0, 1))", "f(2, 3, 4).sum((0, 2), keepdim=True)",
    "f(3, 4).sum(dim=1, keepdim=True)", "f(3, 4).sum(axis=1)", "f(3, 4).sum([])", "f().sum()", "f().sum(0)", "f().sum(-1)", "f(0).sum()", "f(0, 3).sum(0)",
    "i(4).sum()", "b(4).sum()", "i32(4).sum()", "u8(4).sum()", "u8(40).sum()", "h(4).sum()", "bf(40).sum()", "i(4).sum(dtype=t.float32)",
    "f(4).sum(dtype=t.float64)", "c(4).sum()", "f(3, 4).T.sum(0)", "f(3).sum(3)", "f(3, 2).sum((0, 0))", "f(3).sum(1)",
    "f(3, 4).mean()", "f(3, 4).mean(0)", "f(3, 4).mean((0, 1), True)", "i(4).mean()", "i(4).mean(dtype=t.float32)", "f(0).mean()", "b(4).mean()",
    "h(4).mean()", "bf(4).mean(0)", "f().mean()", "d(5).mean()", "c(3).mean()", "f(3, 0).mean(1)", "f(3, 4).mean(1, dtype=t.float64)",
    "f(3, 4).prod()", "f(3, 4).prod(1)", "f(3, 4).prod(0, keepdim=True)", "i(4).prod()", "b(4).prod()", "of([0.0, 2.0, 3.0]).prod()",
    "of([0.0, 2.0, 0.0]).prod()", "of([[0.0, 2.0], [3.0, 4.0]]).prod(1)", "f(0).prod()", "f(3).prod(dtype=t.float64)", "f().prod()",
    "f(3, 4).max()", "f(3, 4).max(0)", "f(3, 4).max(1, keepdim=True)", "f(3, 4).max(f(3, 4))", "f().max()", "f().max(0)", "i(5).max()", "few(3, 5).max(1)",
    "b(4).max()", "f(0).max()", "f(0, 3).max(0)", "f(0, 3).max(1)", "f(3).max(2)", "h(4).max(0)", "bf(4).max()", "few(6).max()", "of([1.0, nan, 3.0]).max()",
    "of([1.0, nan, 3.0]).max(0)", "of([1.0, nan, nan]).min(0)", "f(3, 4).min()", "f(3, 4).min(0)", "few(4, 5).min(1)", "f(3).min(f(3))", "i(3, 4).min(1)",
    "f(3, 4).amax()", "f(3, 4).amax(1)", "few(4, 5).amax(1)", "f(3, 4).amax((0, 1), keepdim=True)", "f(3, 4).amin(0)", "few(4, 4).amin()", "f(0).amax()", "i(4).amax()",
    "f(3, 4).argmax()", "f(3, 4).argmax(0)", "f(3, 4).argmax(1, keepdim=True)", "few(3, 5).argmax(1)", "f(3, 4).argmax(keepdim=True)", "f(0).argmax()", "f().argmax()",
    "f(3, 4).argmin()", "f(3, 4).argmin(-1)", "i(5).argmin()", "b(5).argmax()", "h(5).argmax()", "of([1.0, nan]).argmax()", "f().argmin(0)", "f(3, 0).argmax(1)",
    "b(3, 4).all()", "b(3, 4).all(1)", "b(3, 4).any(0, keepdim=True)", "f(3).all()", "i(3).any()", "u8(3).all()", "u8(3, 2).any(1)", "b(0).all()", "b(0).any()", "b(2, 3).all((0, 1))",
    "f(3, 4).var()", "f(3, 4).var(1)", "f(3, 4).var(0, unbiased=False)", "f(3, 4).var(0, keepdim=True)", "f(3, 4).var(correction=0)", "f(3, 4).var((0, 1))",
    "f(1).var()", "f(0).var()", "f(3, 4).std()", "f(3, 4).std(1)", "f(3, 4).std(0, False)", "f(3, 4).std(unbiased=False)", "f(5).std(correction=2)", "i(3).std()", "h(5).var()", "f(3, 4).std(-1, keepdim=True)",
    "f(3).var(False)", "c(4).var()", "t.var(f(4), 0)", "t.std(f(2, 3), dim=(0, 1))", "t.std_mean(f(3, 4), 1)", "t.var_mean(f(3, 4))", "t.var_mean(f(3, 4), 0, correction=0, keepdim=True)",
    "i(6).count_nonzero()", "i(3, 4).count_nonzero(1)", "f(3, 4).cumsum(0)", "f(3, 4).cumsum(-1)", "i(4).cumsum(0)", "b(4).cumsum(0)", "f().cumsum(0)", "f(4).cumsum(0, dtype=t.float64)", "h(5).cumsum(0)",
    "f(3, 4).cumprod(0)", "f(3, 4).cumprod(1)", "of([2.0, 0.0, 3.0, 0.0]).cumprod(0)", "i(4).cumprod(0)", "f(3, 4).cummax(1)", "few(3, 5).cummin(1)", "few(6).cummax(0)",
    "f(3, 4).logsumexp(1)", "f(3, 4).logsumexp((0, 1), True)", "i(3).logsumexp(0)", "of([-inf, -inf]).logsumexp(0)", "of([inf, 1.0]).logsumexp(0)", "f().logsumexp(0)", "f(3, 4).logcumsumexp(1)",
    "f(3, 4).norm()", "f(3, 4).norm(1)", "f(3, 4).norm(2, 1)", "f(3, 4).norm(3, dim=0)", "f(3, 4).norm(inf)", "f(3, 4).norm(-inf, 1)", "f(3, 4).norm(0, 1)", "f(3, 4).norm(p='fro')", "f(4).norm(dim=0, keepdim=True)", "t.norm(d(4))",
    "t.linalg.norm(f(3, 4))", "t.linalg.vector_norm(f(3, 4), 3, 1)", "c(3).norm()", "i(3).norm()", "f().norm()", "of([0.0, 0.0]).norm()", "h(4).norm()", "f(3, 4).norm(0.5, 1)", "f(3, 4).norm(dtype=t.float64)",
    "f(6).median()", "f(3, 5).median(1)", "few(3, 6).median(0)", "f(5).kthvalue(2)", "f(3, 5).kthvalue(3, 1, True)", "i(4, 3).mode(0)", "few(3, 6).mode(1)", "f(3, 4).nansum()", "of([1.0, nan, 3.0]).nanmean()", "of([1.0, nan, 3.0]).nansum(0)",
    "f(3, 4).aminmax()", "f(3, 4).aminmax(dim=1)", "f(7).quantile(0.3)", "f(3, 5).quantile(of([0.1, 0.5]).detach(), dim=1)", "f(4).dist(f(4))", "f(3, 3).trace()", "of([1.0, nan, 3.0]).nanmedian()",
]  # fmt: skip
SORT = [
    *(f"repr(f(2, 3).detach().{call})" for call in ("max(1)", "min(0)", "sort()", "topk(2)", "median(1)", "mode(1)", "kthvalue(1)", "cummax(0)", "cummin(0)", "aminmax()", "nanmedian(0)")),
    "f(3, 5).sort()", "f(3, 5).sort(0)", "f(3, 5).sort(1, descending=True)", "i(8).sort(stable=True)", "f().sort()", "f(0).sort()", "f(5).argsort()", "f(3, 5).argsort(0, descending=True)",
    "few(8).sort(descending=True, stable=True)", "of([2.0, nan, 1.0]).sort()", "of([2.0, nan, 1.0, nan]).sort(descending=True)", "f(3, 5).topk(2)", "f(3, 5).topk(2, 0)", "f(3, 5).topk(3, largest=False)", "f(5).topk(0)", "f(5).topk(6)", "f().topk(1)",
    "f(5).msort()", "i(8).unique()", "i(8).unique(return_inverse=True, return_counts=True)", "i(3, 4).unique(return_inverse=True)", "f(5).detach().unique()", "t.unique(i(4, 2), dim=0)", "i(8).unique_consecutive(return_counts=True)",
    "u8(8).bincount()", "ix(4, 8).bincount(minlength=6)", "ix(4, 8).bincount(weights=f(8).detach())", "f(3).bincount()", "h(5).sort()", "bf(5).sort()", "b(5).sort(stable=True)",
    "t.searchsorted(of([1.0, 2.0, 3.0]), f(4))", "t.searchsorted(of([1.0, 2.0, 2.0, 3.0]), of([2.0]), right=True)", "t.bucketize(f(4), of([-1.0, 0.0, 1.0]))", "t.bucketize(f(2, 2), of([-1.0, 0.0, 1.0]), right=True, out_int32=True)",
    "t.histc(f(20), 5, -1, 1)", "t.histc(f(20), 4)", "t.isin(i(6), of([1, 2, 3], 'int64'))", "t.isin(i(6), 2)", "t.isin(i(6), of([1], 'int64'), invert=True)", "t.searchsorted(of([[1.0, 2.0], [0.0, 3.0]]), of([[1.5], [4.0]]))",
]  # fmt: skip
PRODUCTS = [
    "f(3, 4) @ f(4, 5)", "f(3, 4) @ f(4)", "f(4) @ f(4, 5)", "f(4) @ f(4)", "f(2, 3, 4) @ f(2, 4, 5)", "f(2, 3, 4) @ f(4, 5)", "f(3, 4) @ f(2, 4, 5)", "f(2, 1, 3, 4) @ f(5, 4, 2)", "f(2, 3, 4) @ f(4)", "f(4) @ f(2, 4, 3)",
    "f(4, 3).T @ f(4, 5)", "f(3, 4) @ f(5, 4).T", "d(3, 4) @ d(4, 2)", "i(3, 4) @ i(4, 2)", "h(3, 4) @ h(4, 2)", "bf(3, 4) @ bf(4, 2)", "c(2, 3) @ c(3, 2)", "f(0, 4) @ f(4, 3)", "f(3, 0) @ f(0, 2)", "f(3, 4) @ f(3, 4)", "f(3, 4) @ d(4, 2)", "f() @ f(3)",
    "f(3, 4) @ i(4, 2)", "f(2, 3, 4) @ f(3, 4, 5)", "t.matmul(f(2, 3), f(3, 2))", "t.mm(f(2, 3), f(3, 2))", "t.mm(f(3), f(3))", "t.bmm(f(2, 3, 4), f(2, 4, 1))", "t.bmm(f(2, 3, 4), f(3, 4, 1))", "t.mv(f(3, 4), f(4))", "t.mv(f(3, 4), f(3))", "t.dot(f(4), f(4))", "t.dot(f(4), f(3))", "t.dot(f(2, 2), f(4))",
    "t.outer(f(3), f(4))", "t.ger(f(3), f(4))", "t.addmm(f(5), f(3, 4), f(4, 5))", "t.addmm(f(3, 5), f(3, 4), f(4, 5), beta=2, alpha=0.5)", "t.addmm(f(3, 5), f(3, 4), f(4, 5), beta=0)", "t.addmm(f(2, 2), f(3, 4), f(4, 5))", "f(3, 5).addmm(f(3, 4), f(4, 5))", "t.addmv(f(3), f(3, 4), f(4))",
    "t.baddbmm(f(2, 3, 5), f(2, 3, 4), f(2, 4, 5), beta=2, alpha=3)", "t.addbmm(f(3, 5), f(2, 3, 4), f(2, 4, 5))", "t.inner(f(2, 3), f(4, 3))", "t.vdot(f(3), f(3))", "t.addr(f(3, 2), f(3), f(2))", "t.kron(f(2, 2), f(2, 3))", "t.chain_matmul(f(2, 3), f(3, 4), f(4, 2))", "t.linalg.multi_dot([f(2, 3), f(3, 4), f(4, 2)])",
    "t.tensordot(f(3, 4, 5), f(4, 5, 2), 2)", "t.tensordot(f(3, 4, 5), f(4, 3, 2), dims=([1, 0], [0, 1]))", "t.cross(f(4, 3), f(4, 3), dim=1)", "t.linalg.cross(f(4, 3), f(4, 3))", "t.cdist(f(4, 3), f(5, 3))", "t.cdist(f(2, 4, 3), f(2, 5, 3), p=1)", "t.linalg.matrix_power(f(3, 3), 3)", "t.matrix_power(d(3, 3), 2)",
    "t.einsum('ij,jk->ik', f(2, 3), f(3, 4))", "t.einsum('ij,jk', f(2, 3), f(3, 4))", "t.einsum('bij,bjk->bik', f(2, 3, 4), f(2, 4, 5))", "t.einsum('ii->i', f(3, 3))", "t.einsum('ii', f(3, 3))", "t.einsum('ij->ji', f(2, 3))", "t.einsum('ij->', f(2, 3))", "t.einsum('i,j->ij', f(2), f(3))", "t.einsum('...ij,...jk->...ik', f(2, 3, 4), f(4, 5))",
    "t.einsum('bn,anm,bm->ba', f(2, 3), f(4, 3, 5), f(2, 5))", "t.einsum('ij,ij->i', f(2, 3), f(2, 3))", "t.einsum('ij,kj->ik', f(2, 3), f(4, 2))", "t.einsum('i,i', f(3), f(3))", "t.einsum('bhqd,bhkd->bhqk', f(2, 2, 3, 4), f(2, 2, 5, 4))",
]  # fmt: skip
TERNARY = [
    "t.where(b(3), f(3), f(3))", "t.where(b(3), f(3), 0.0)", "t.where(b(3), 1.0, f(3))", "t.where(b(3), 1, 2)", "t.where(b(3, 1), f(3, 1), f(1, 4))", "t.where(b(3), f(3), d(3))", "t.where(b(3), i(3), 1.5)", "t.where(b(3), h(3), 1.5)", "t.where(i(3), f(3), f(3))",
    "t.where(b(4))", "f(3).where(b(3), 0.0)", "f(3).where(b(3), f(3))", "t.clamp(f(5), 0)", "t.clamp(f(5), -0.5, 0.5)", "t.clamp(f(5), max=0.3)", "f(5).clamp(min=0)", "t.clamp(f(5), f(5), f(5))", "t.clamp(f(5), min=f(5))", "t.clamp(f(5))", "i(5).clamp(0, 3)", "i(5).clamp(0.5)", "i(5).clamp(max=2.5)", "h(5).clamp(0, 1)",
    "of([0.0, 1.0, 2.0]).clamp(0, 1)", "of([nan, 1.0]).clamp(0, 0.5)", "t.clamp(f(5), 2, 1)", "t.clip(f(5), 0)", "t.clamp_min(f(5), 0)", "t.clamp_max(f(5), 0)", "f(5).clamp(of(0.1), of(0.5))", "t.clamp(f(3), min=d(3))",
    "t.lerp(f(3), f(3), 0.3)", "t.lerp(f(3), f(3), f(3))", "t.lerp(f(3), f(3), 0.7)", "t.addcmul(f(3), f(3), f(3))", "t.addcmul(f(3), f(3), f(3), value=0.5)", "t.addcdiv(f(3), f(3), p(3))", "t.addcdiv(f(3), f(3), p(3), value=2)", "t.addcdiv(i(3), i(3), i(3))",
    "t.add(f(3), f(3), alpha=2)", "t.sub(f(3), f(3), alpha=2)", "t.add(i(3), i(3), alpha=2)", "t.add(i(3), i(3), alpha=0.5)", "t.rsub(f(3), 1)", "t.rsub(f(3), f(3), alpha=2)", "t.add(f(3), other=f(3))", "t.add(input=f(3), other=1)", "t.mul(2, f(3))", "t.add(f(3), 'a')", "t.add(f(3), None)", "t.mul(f(3), [1, 2, 3])", "t.add(f(3), f(4))",
    "t.div(f(4), f(4), rounding_mode='floor')", "t.div(f(4), f(4), rounding_mode='trunc')", "t.div(i(4), 3, rounding_mode='floor')", "t.div(i(4), 3, rounding_mode='trunc')", "t.div(f(4), 0.7, rounding_mode='trunc')", "t.div(f(4), 1, rounding_mode='x')", "t.div(i(4), of([1, 2, 0, 3], 'int64'), rounding_mode='trunc')",
    "1 + f(3)", "1 - f(3)", "2 * f(3)", "1 / p(3)", "2 ** f(3)", "2.5 ** f(3)", "7 // p(3)", "-f(3)", "+f(3)", "abs(f(3))", "~b(3)", "~i(3)", "~f(3)", "f(3) // 0.7", "f(3) % 0.7", "i(3) / 2", "1 / i(3)", "i(3) // 2", "2 ** i8(2)", "b(3) & b(3)", "i(3) & 3", "1 | i(3)", "b(3) ^ True", "f(3) & f(3)",
    "i(3) << 2", "i(3) >> 1", "1 << u8(3)", "i(3) < f(3)", "f(3) == None", "f(3) != None", "f(3) == 'a'", "f(3) < 'a'", "f(3) > 0", "True + f(2)", "True + b(2)", "1 - b(2)", "-b(2)", "i(3) ** -1", "b(2) - b(2)", "f(2) ** 2", "f(2) ** f(2)", "f(3) ** True", "u8(3) - 11", "u8(3) // 3",
    "t.isclose(f(3), f(3))", "t.isclose(f(3), f(3), atol=1.0)", "t.allclose(f(3), f(3))", "t.equal(f(3), f(3))", "t.equal(f(3), f(4))", "t.isclose(of([nan]), of([nan]), equal_nan=True)", "t.isclose(f(3), d(3))", "t.result_type(f(3), 1)", "t.result_type(i(3), 1.5)", "t.promote_types(t.int8, t.uint8)", "t.can_cast(t.float32, t.int32)",
    "t.round(f(4), decimals=2)", "t.round(100 * f(4), decimals=-1)", "t.nan_to_num(of([nan, inf, -inf, 1.0]))", "t.nan_to_num(of([nan, inf, -inf]), 1.0, 2.0, -2.0)", "t.nan_to_num(i(3))", "t.real(c(3))", "t.imag(c(3))", "c(3).real", "c(3).imag", "f(3).real", "f(3).imag", "t.view_as_real(c(3))", "t.complex(f(3), f(3))", "t.polar(p(3), f(3))", "c(3).conj()", "f(3).conj()",
    "t.float_power(f(3), 2)", "t.fmax(f(3), f(3))", "t.fmin(f(3), f(3))", "t.heaviside(few(5).detach(), f(5).detach())", "t.gcd(i(4), i(4))", "t.lcm(i(4), i(4))", "t.ldexp(f(3).detach(), i(3))", "t.true_divide(i(3), 2)", "t.multiply(f(3), 2)", "t.subtract(f(3), 2)", "t.divide(f(3), 2)", "t.negative(f(3))", "t.absolute(f(3))", "t.arccos(u(3))", "t.arctan2(f(3), f(3))", "t.fix(f(3))",
    "t.greater(f(3), 0)", "t.less_equal(f(3), f(3))", "t.not_equal(f(3), f(3))", "f(3).greater(0)", "f(3).multiply(2)", "f(3).subtract(1, alpha=2)", "f(3).divide(2)", "f(3).absolute()", "f(3).negative()", "f(3).true_divide(3)", "t.logit(p(3) / 3)", "t.logit(of([0.0, 0.5, 1.0]), eps=0.1)", "t.special.expit(f(3))", "t.special.erf(f(3))", "t.special.xlogy(p(3), p(3))", "t.special.log1p(p(3))",
]  # fmt: skip
SOFTMAX = [
    "t.softmax(f(3, 4), 1)", "t.softmax(f(3, 4), dim=0)", "f(3, 4).softmax(-1)", "f(3, 4).softmax(dim=1, dtype=t.float64)", "t.log_softmax(f(3, 4), 1)", "f(3, 4).log_softmax(-1)", "f(3, 4).log_softmax(0, dtype=t.float64)", "t.softmax(i(3), 0, dtype=t.float32)", "t.softmax(i(3), 0)", "t.softmax(h(3), 0)", "t.log_softmax(bf(2, 3), 1)",
    "t.softmax(f(), 0)", "t.softmax(f(0, 3), 1)", "t.softmax(f(3), 2)", "t.softmax(of([inf, 1.0]), 0)", "t.softmax(of([-inf, 1.0]), 0)", "t.log_softmax(of([1e30, 0.0]), 0)", "t.softmax(f(4, 3).T, 0)", "t.softmax(d(2, 3, 4), 1)", "F.softmax(f(2, 3), dim=1)", "F.log_softmax(f(2, 3, 4), 1)", "F.softmin(f(2, 3), 1)", "t.special.softmax(f(2, 3), 1)", "t.logsumexp(f(2, 3), 1)",
]  # fmt: skip
OUT = [
    "o = t.empty(3); t.add(p(3).detach(), 1, out=o); o", "o = t.empty(3); t.add(p(3), 1, out=o); o", "o = t.empty(0); t.mul(i(3), 2, out=o); o", "o = t.empty(3, dtype=t.int64); t.mul(p(3).detach(), 2, out=o); o", "o = t.empty(3, dtype=t.float64); t.sqrt(d(3).detach().abs(), out=o); o",
    "o = t.empty(2, 2); t.matmul(p(2, 3).detach(), p(3, 2).detach(), out=o); o", "o = t.empty(3); t.sum(p(3, 2).detach(), 1, out=o); o", "a = t.empty(3); k = t.empty(3, dtype=t.int64); t.max(p(3, 2).detach(), 1, out=(a, k)); (a, k)", "o = t.empty(4); t.cat([p(2).detach(), p(2).detach()], out=o); o", "o = t.empty(3); o is t.sin(p(3).detach(), out=o)",
    "o = t.empty(3, dtype=t.bool); t.gt(p(3).detach(), 1, out=o); o", "o = t.empty(3); t.gt(p(3).detach(), 1, out=o); o", "o = t.empty(3); t.clamp(p(3).detach(), 0, 1, out=o); o", "o = t.empty(3).int(); t.add(i(3), 1, out=o); o", "o = t.empty(3); t.pow(p(3).detach(), 2, out=o); o",
    "o = t.empty(3).bool(); t.add(i(3), 1, out=o); o", "o = t.empty(6); t.add(p(3).detach(), 1, out=o[::2]); o[::2]", "o = t.empty(2, 3); t.stack([p(3).detach(), p(3).detach()], out=o); o", "o = t.empty(3); t.mean(p(3, 4).detach(), 1, out=o); o",
    "o = t.empty(3, 4); t.softmax(p(3, 4).detach(), 1, out=o); o",
]  # fmt: skip


# PyTorch takes no number here.
_TENSORS_ONLY = {(n, "2") for n in ("atan2", "arctan2", "hypot")}
IN_PLACE = [
    # PyTorch has no derivative of these in-place forms.
    *(f"x = p(4).detach() / 2.1 + {a}; x.{n}_(); x" for n, a in (("asinh", 0), ("arcsinh", 0), ("atanh", 0), ("arctanh", 0), ("acosh", 1), ("arccosh", 1))),
    *(f"x = p(4) / 2.1; x.{n}_(); x" for names in INPLACE_UNARY for n in names.split()),
    *(f"x = p(4) * 1.5; x.{n}_({y}); x" for n in INPLACE_BINARY.split() for y in ("p(4)", "2") if (n, y) not in _TENSORS_ONLY),
    *(f"x = few(4).detach(); x.{n}_(few(4).detach()); x" for n in INPLACE_TESTS.split()),
    *(f"x = i(4); x.{n}_(ix(4, 4)); x" for n in INPLACE_BITS.split()), *(f"t.{n}(i(4), 2)" for n in INPLACE_BITS.split()),
    "x = i(4); x.bitwise_not_(); x", "x = g(4); x.clamp_max_(0.1); x",
    "x = g(2, 3, 2); x.baddbmm_(f(2, 3, 4), f(2, 4, 2)); x", "x = g(3); x.addmv_(f(3, 4), f(4)); x", "x = g(4); x.put_(of([1, 2], 'int64'), f(2)); x",
    "x = g(3, 2); x.cumprod_(0); x", "x = g(2, 3); x.swapdims_(0, 1); x", "x = few(3).detach(); x.logical_not_(); x", "x = few(3).detach(); x.sgn_(); x",
]  # fmt: skip
REST = [
    "t.isposinf(of([inf, -inf, 1.0]))", "of([inf, -inf, 1.0]).isneginf()", "t.isneginf(f(2))", "of([inf]).isposinf()", "t.isreal(c(3))", "f(2).isreal()", "t.i0(p(3).detach())", "p(3).detach().i0()", "t.polygamma(1, p(3))", "t.polygamma(2, p(3))", "t.special.polygamma(0, p(3))", "t.polygamma(-1, p(2))",
    "t.view_as_complex(f(3, 2))", "t.view_as_complex(f(3))", "F.celu_(g(3))", "t.celu_(g(3))", "F.elu_(g(3))", "F.selu_(g(3))", "F.hardtanh_(g(3))", "F.threshold_(g(3), 0.1, 2.0)", "f(2, 3).sum_to_size(1, 3)", "f(2, 3).sum_to_size(3)", "f(3).greater_equal(0)", "f(3).less_equal(f(3))", "f(3).arctan()", "u(3).arcsin()", "u(3).arcsinh()", "u(3).arctanh()", "(p(3) + 1).arccosh()",
    "t.randint_like(f(2), 5).shape", "t.special.gammaln(p(3))", "t.special.psi(p(3))", "t.special.i0(p(3).detach())", "(1 + i(3).abs()) << i(3).abs()", "u8(3).bitwise_right_shift(1)",
]  # fmt: skip


# Composed of other operations than PyTorch's, or one op where PyTorch composes: grad_fn has another name there.
OTHER_NAMES = (
    "einsum", "view_as_real", "clamp_m", "polar", "ldexp", "std_mean", "var_mean", "cumsumexp", "median", "kthvalue", "mode(", "nansum", "aminmax",
    "quantile", "dist(", "trace", "addmv", "addbmm", "baddbmm", "vdot", "inner", "addr", "kron", "chain_matmul", "multi_dot",
    "view_as_complex", "put_", "cumprod_", "sum_to_size", "copysign_(2)",
    "polygamma(0", "cross", "x.squeeze_", "x.eq_", "x.gt_", "tril_", "triu_", "cumsum_", "addmm_",
)  # fmt: skip
# Results in other memory than PyTorch's: copies where it has views (complex parts), or laid out like other inputs.
OTHER_LAYOUT = (
    "view_as_complex",
    "einsum('ii->i'",
    "einsum('ij->ji'",
    "view_as_real",
    "conj()",
    "(f(4, 3).T).add(f(3, 4))",
    "t.mul(f(4, 3).T, f(3, 4))",
    "(f(4, 3).T).sub(f(3, 4))",
    "quantile(of",
    "softmax(f(4, 3).T",
)


def differences(code: str) -> dict[str, bool]:
    """What is not compared for a piece of code."""
    return {
        "names": not any(n in code for n in OTHER_NAMES),
        "layout": not any(n in code for n in OTHER_LAYOUT),
    }


def calls(table: dict[str, str]) -> list[str]:
    """Every function with its arguments, by turns as a method and as a function."""
    codes = []
    for arguments, names in table.items():
        depth, split = 0, len(arguments)
        for at, letter in enumerate(arguments):
            depth += (letter in "([") - (letter in ")]")
            if letter == "," and not depth:
                split = at
                break
        first, rest = arguments[:split], arguments[split + 1 :].strip()
        for i, name in enumerate(names.split()):
            codes.append(f"t.{name}({arguments})" if i % 2 else f"({first}).{name}({rest})")
    return codes


@pytest.mark.parametrize("code", calls(EXACT_UNARY) + calls(EXACT_BINARY))
def test_same_bits(agree, code):
    agree(code, exact=True, **differences(code))


@pytest.mark.parametrize("code", calls(CLOSE_UNARY) + calls(CLOSE_BINARY) + TERNARY + REST)
def test_pointwise(agree, code):
    agree(code, exact=False, **differences(code))


@pytest.mark.parametrize("code", [*INPLACE, *IN_PLACE, *OUT])
def test_in_place_and_out(agree, code):
    agree(code, exact=False, **differences(code))


@pytest.mark.parametrize("code", REDUCE + SORT)
def test_reductions(agree, code):
    agree(code, exact=False, **differences(code))


@pytest.mark.parametrize(
    "code",
    [
        f"{n}({kind}).{name}({dim})"
        for name in REDUCTIONS.split()
        for n in ("f", "i", "b", "h", "bf", "d", "i32")
        for kind, dim in (("2, 3", "1"), ("4", ""))
    ],
)
def test_dtypes_of_reductions(agree, code):
    agree(code, exact=False, **differences(code))


@pytest.mark.parametrize("code", PRODUCTS + SOFTMAX)
def test_products(agree, code):
    agree(code, exact=False, **differences(code))
