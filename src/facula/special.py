"""Special functions, as in `torch.special`."""

from __future__ import annotations

from .ops.activation import erf, erfc
from .ops.activation import sigmoid as expit
from .ops.pointwise import exp2, expm1, log1p, round
from .ops.reductions import log_softmax, logsumexp, softmax
from .ops.special import digamma, erfinv, i0, logit, polygamma, sinc, xlogy
from .ops.special import lgamma as gammaln

psi = digamma

__all__ = [
    "digamma", "erf", "erfc", "erfinv", "exp2", "expit", "expm1", "gammaln", "i0", "log1p", "log_softmax",
    "logit",
    "logsumexp", "polygamma", "psi", "round", "sinc", "softmax", "xlogy",
]  # fmt: skip
