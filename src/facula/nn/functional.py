"""Functions of neural networks: activations, losses, convolution, pooling, normalisation."""

from __future__ import annotations

import math
import warnings
from typing import Any

from .. import _dtype, random
from .._rng.discrete import dropout_mask
from .._tensor import Tensor, normalize_dim, wrap
from ..autograd.op import publish
from ..ops import activation as _activation
from ..ops import attention as _attention
from ..ops import embedding as _embedding
from ..ops import loss as _loss
from ..ops import norm as _norm
from ..ops.activation import sigmoid
from ..ops.dropout import masked_scale
from ..ops.matmul import linear
from ..ops.pointwise import tanh
from ._losses import (
    cosine_embedding_loss,
    gaussian_nll_loss,
    hinge_embedding_loss,
    margin_ranking_loss,
    multi_margin_loss,
    multilabel_soft_margin_loss,
    pairwise_distance,
    poisson_nll_loss,
    reduced,
    reduction_of,
    soft_margin_loss,
    triplet_margin_loss,
    triplet_margin_with_distance_loss,
)
from ._resize import (
    channel_shuffle,
    fold,
    interpolate,
    pixel_shuffle,
    pixel_unshuffle,
    unfold,
    upsample,
)
from ._windows import (
    adaptive_avg_pool1d,
    adaptive_avg_pool2d,
    adaptive_avg_pool3d,
    adaptive_max_pool1d,
    adaptive_max_pool2d,
    adaptive_max_pool3d,
    avg_pool1d,
    avg_pool2d,
    avg_pool3d,
    conv1d,
    conv2d,
    conv3d,
    conv_transpose1d,
    conv_transpose2d,
    conv_transpose3d,
    lp_pool1d,
    lp_pool2d,
    max_pool1d,
    max_pool1d_with_indices,
    max_pool2d,
    max_pool2d_with_indices,
    max_pool3d,
    max_pool3d_with_indices,
    max_unpool1d,
    max_unpool2d,
)

__all__ = [
    "adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d", "adaptive_max_pool1d",
    "adaptive_max_pool2d", "adaptive_max_pool3d", "alpha_dropout", "avg_pool1d", "avg_pool2d", "avg_pool3d",
    "batch_norm", "bilinear", "binary_cross_entropy", "binary_cross_entropy_with_logits", "celu", "celu_",
    "channel_shuffle", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d",
    "conv_transpose3d",
    "cosine_embedding_loss", "cosine_similarity", "cross_entropy", "dropout", "dropout1d", "dropout2d",
    "dropout3d", "elu", "elu_", "embedding", "fold", "gaussian_nll_loss", "gelu", "glu", "group_norm",
    "gumbel_softmax", "hardshrink", "hardsigmoid", "hardswish", "hardtanh", "hardtanh_",
    "hinge_embedding_loss",
    "huber_loss", "instance_norm", "interpolate", "kl_div", "l1_loss", "layer_norm", "leaky_relu",
    "leaky_relu_", "linear", "local_response_norm", "log_softmax", "logsigmoid", "lp_pool1d", "lp_pool2d",
    "margin_ranking_loss", "max_pool1d", "max_pool1d_with_indices", "max_pool2d", "max_pool2d_with_indices",
    "max_pool3d", "max_pool3d_with_indices", "max_unpool1d", "max_unpool2d", "mish", "mse_loss",
    "multi_margin_loss", "multilabel_soft_margin_loss", "nll_loss", "normalize", "one_hot", "pad",
    "pairwise_distance", "pixel_shuffle", "pixel_unshuffle", "poisson_nll_loss", "prelu", "relu", "relu6",
    "relu_", "rms_norm", "scaled_dot_product_attention", "selu", "selu_", "sigmoid", "silu", "smooth_l1_loss",
    "soft_margin_loss", "softmax", "softmin", "softplus", "softshrink", "softsign", "tanh", "tanhshrink",
    "threshold", "threshold_", "triplet_margin_loss", "triplet_margin_with_distance_loss", "unfold",
    "upsample",
]  # fmt: skip


# ---- activations -------------------------------------------------------------------------------------------


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """max(x, 0), element by element.

    >>> import facula
    >>> relu(facula.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """
    return input.relu_() if inplace else _activation.relu(input)


def relu_(input: Tensor) -> Tensor:
    """In-place `relu`."""
    return input.relu_()


def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    """x limited to [0, 6]."""
    return hardtanh(input, 0.0, 6.0, inplace)


def hardtanh(input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Tensor:
    """x limited to [min_val, max_val]."""
    if min_val > max_val:
        raise ValueError(f"[hardtanh] min_val cannot be greater than max_val: got {min_val} and {max_val}")
    return _apply(_activation.hardtanh, input, inplace, min_val, max_val)


def hardtanh_(input: Tensor, min_val: float = -1.0, max_val: float = 1.0) -> Tensor:
    """In-place `hardtanh`."""
    return hardtanh(input, min_val, max_val, True)


def _apply(function: Any, input: Tensor, inplace: bool, *attributes: Any, node: str | None = None) -> Tensor:
    """An activation op, in place if asked for; `node` is what the in-place form's node is called."""
    if not inplace:
        result: Tensor = function(input, *attributes)
        return result
    from ..autograd.op import apply_inplace

    return apply_inplace(function.op, (input, *attributes), None, node)


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """x where positive, `negative_slope` times x elsewhere."""
    return _apply(_activation.leaky_relu, input, inplace, negative_slope, node="LeakyReluBackward1")


def leaky_relu_(input: Tensor, negative_slope: float = 0.01) -> Tensor:
    """In-place `leaky_relu`."""
    return leaky_relu(input, negative_slope, True)


def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """x where positive, `weight` (one number, or one for each channel) times x elsewhere."""
    if weight.numel() != 1:
        channels = input.shape[1] if input.ndim > 1 else 1
        if weight.numel() != channels:
            raise RuntimeError(
                "Mismatch of parameter numbers and input channel size. Found parameter numbers = "
                f"{weight.numel()} and "
                f"channel size = {channels}."
            )
        weight = weight.reshape(1, -1, *(1,) * (input.ndim - 2)) if input.ndim > 1 else weight
    return _activation.prelu(input, weight)


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """x where positive, alpha * (exp(x) - 1) elsewhere."""
    return _apply(_activation.elu, input, inplace, alpha, 1.0, 1.0, node="EluBackward1")


def elu_(input: Tensor, alpha: float = 1.0) -> Tensor:
    """In-place `elu`."""
    return elu(input, alpha, True)


def selu(input: Tensor, inplace: bool = False) -> Tensor:
    """Scaled ELU with the constants of Klambauer et al. 2017."""
    return _apply(
        _activation.elu,
        input,
        inplace,
        1.6732632423543772848170429916717,
        1.0507009873554804934193349852946,
        1.0,
        node="EluBackward1",
    )


def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """x where positive, alpha * (exp(x / alpha) - 1) elsewhere (Barron 2017)."""
    if alpha == 0:
        raise RuntimeError("ZeroDivisionError: alpha cannot be 0 for CELU")
    return _apply(_activation.celu, input, inplace, alpha, node="CeluBackward1")


def celu_(input: Tensor, alpha: float = 1.0) -> Tensor:
    """In-place `celu`."""
    return celu(input, alpha, True)


def gelu(input: Tensor, approximate: str = "none") -> Tensor:
    """x times the normal distribution function of x; `approximate="tanh"` for the quick formula."""
    if approximate not in ("none", "tanh"):
        raise RuntimeError("approximate argument must be either none or tanh.")
    return (_activation.gelu_tanh if approximate == "tanh" else _activation.gelu_erf)(input)


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """x * sigmoid(x)."""
    return _apply(_activation.silu, input, inplace)


def mish(input: Tensor, inplace: bool = False) -> Tensor:
    """x * tanh(softplus(x))."""
    return _apply(_activation.mish, input, inplace)


def softplus(input: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """log(1 + exp(beta * x)) / beta; x itself where beta * x exceeds the threshold."""
    return _activation.softplus(input, beta, threshold)


def softsign(input: Tensor) -> Tensor:
    """x / (1 + |x|)."""
    return input / (input.abs() + 1)


def tanhshrink(input: Tensor) -> Tensor:
    """x - tanh(x)."""
    return input - input.tanh()


def softshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """x moved towards 0 by `lambd`, 0 in between."""
    if lambd < 0:
        raise RuntimeError(f"lambda must be greater or equal to 0, but found to be {lambd}.")
    return _activation.softshrink(input, lambd)


def hardshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """x where |x| exceeds `lambd`, 0 elsewhere."""
    return _activation.hardshrink(input, lambd)


def threshold(input: Tensor, threshold: float, value: float, inplace: bool = False) -> Tensor:
    """x where it exceeds the threshold, `value` elsewhere."""
    return _apply(_activation.threshold, input, inplace, threshold, value, node="ThresholdBackward1")


def logsigmoid(input: Tensor) -> Tensor:
    """log(sigmoid(x)), without overflow."""
    return _activation.log_sigmoid(input)


def hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    """(x + 3) / 6 limited to [0, 1]."""
    return _apply(_activation.hardsigmoid, input, inplace)


def hardswish(input: Tensor, inplace: bool = False) -> Tensor:
    """x * hardsigmoid(x)."""
    return _apply(_activation.hardswish, input, inplace)


def selu_(input: Tensor) -> Tensor:
    """In-place `selu`."""
    return selu(input, True)


def threshold_(input: Tensor, threshold: float, value: float) -> Tensor:
    """In-place `threshold`."""
    return _apply(_activation.threshold, input, True, threshold, value, node="ThresholdBackward1")


def glu(input: Tensor, dim: int = -1) -> Tensor:
    """The first half of a dimension times the sigmoid of the second (Dauphin et al. 2016)."""
    if input.ndim == 0:
        raise RuntimeError("glu does not support 0-dimensional tensors")
    n = input.shape[normalize_dim(dim, input.ndim)]
    if n % 2:
        raise RuntimeError(f"Halving dimension must be even, but dimension {dim} is size {n}")
    return input.narrow(dim, 0, n // 2) * input.narrow(dim, n // 2, n // 2).sigmoid()


def gumbel_softmax(
    logits: Tensor, tau: float = 1, hard: bool = False, eps: float = 1e-10, dim: int = -1
) -> Tensor:
    """A random sample of the Gumbel-softmax distribution (Jang et al. 2016); `hard`: one-hot, with the soft
    gradient.
    """
    from ..factory import empty_like, zeros_like

    noise = -empty_like(logits.detach()).exponential_().log()
    soft = softmax((logits + noise) / tau, dim)
    if not hard:
        return soft
    one_hot = zeros_like(logits.detach()).scatter_(dim, soft.detach().max(dim, keepdim=True)[1], 1.0)
    return one_hot - soft.detach() + soft


def _softmax_dim(name: str, ndim: int, stacklevel: int) -> int:
    warnings.warn(
        f"Implicit dimension choice for {name} has been deprecated. Change the call to include dim=X as an "
        "argument.",
        stacklevel=stacklevel,
    )
    return 0 if ndim in (0, 1, 3) else 1


def _softmax(name: str, input: Tensor, dim: int | None, dtype: Any, stacklevel: int) -> Tensor:
    from ..ops import softmax as ops

    if dim is None:
        dim = _softmax_dim(name, input.ndim, stacklevel + 1)
    if dtype is not None:
        input = input.to(dtype)
    elif input.dtype.category < 2:
        raise NotImplementedError(f'"{name}_lastdim_kernel_impl" not implemented for {input.dtype}')
    result: Tensor = getattr(ops, name)(input, normalize_dim(dim, input.ndim))
    return result


def softmax(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Tensor:
    """exp(x) over its sum along a dimension.

    >>> import facula
    >>> softmax(facula.zeros(1, 4), dim=1)
    tensor([[0.2500, 0.2500, 0.2500, 0.2500]])
    """
    return _softmax("softmax", input, dim, dtype, _stacklevel)


def log_softmax(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Tensor:
    """x - log(sum(exp(x))) along a dimension."""
    return _softmax("log_softmax", input, dim, dtype, _stacklevel)


def softmin(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Tensor:
    """The softmax of -x."""
    return _softmax("softmax", -input, dim, dtype, _stacklevel)


# ---- losses ------------------------------------------------------------------------------------------------


def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """Cross-entropy of the softmax of `input` with class indices or class probabilities.

    Shapes: input (C,) or (N, C, ...); target of integers () or (N, ...), or of probabilities shaped like
    the input.
    The mean over class indices divides by the sum of the targets' weights, over probabilities by N.

    Args:
        weight: what each class counts for, (C,).
        ignore_index: targets of this value count nothing.
        label_smoothing: this share of each target is spread evenly over all classes (Szegedy et al. 2016).

    Raises:
        IndexError: a target is no class. RuntimeError: shapes or dtypes do not fit.

    >>> import facula
    >>> cross_entropy(facula.zeros(1, 4), facula.tensor([2]))
    tensor(1.3863)
    """
    reduction = reduction_of(size_average, reduce, reduction)
    if not 0.0 <= label_smoothing <= 1.0:
        raise RuntimeError(f"label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing}")
    class_dim = 0 if input.ndim == 1 else 1
    if input.ndim > 1 and _is_one_op(input, target, weight):
        raw = None if weight is None else weight._array
        return _loss.cross_entropy(input, target._array, raw, ignore_index, reduction, label_smoothing)
    log_probs = log_softmax(input, class_dim)
    if input._array.shape == target._array.shape and target.is_floating_point():
        return _soft_cross_entropy(log_probs, target, weight, reduction, label_smoothing, class_dim)
    if target.is_floating_point():
        raise RuntimeError(
            "[cross_entropy] expected targets of class indices in int64 or of probabilities shaped like "
            f"the input: got {target.dtype} {tuple(target.shape)}"
        )
    plain = nll_loss(log_probs, target, weight, None, ignore_index, None, reduction)
    if label_smoothing == 0.0:
        return plain
    n = input.shape[class_dim]
    counted = (target != ignore_index).to(input.dtype)
    weighted = log_probs if weight is None else log_probs * _class_shape(weight, log_probs.ndim, class_dim)
    smooth = -weighted.sum(class_dim) * counted
    if reduction == "mean":
        counts = counted.sum() if weight is None else _counts(weight, target, ignore_index)
        smooth = smooth.sum() / counts
    elif reduction == "sum":
        smooth = smooth.sum()
    return plain * (1 - label_smoothing) + smooth * (label_smoothing / n)


def _is_one_op(input: Tensor, target: Tensor, weight: Tensor | None) -> bool:
    """Whether the arguments are what `ops.loss.cross_entropy` takes: its attributes get no gradients."""
    if weight is not None and (
        weight.requires_grad or weight.dtype != input.dtype or tuple(weight.shape) != (input.shape[1],)
    ):
        return False
    if not target.is_floating_point():
        _check_targets(input, target)
        return True
    return input.shape == target.shape and input.dtype == target.dtype and not target.requires_grad


def _counts(weight: Tensor, target: Tensor, ignore_index: int) -> Tensor:
    """The sum of the weights of the targets that count."""
    kept = target != ignore_index
    return (weight[target.where(kept, 0)] * kept.to(weight.dtype)).sum()


def _class_shape(weight: Tensor, ndim: int, class_dim: int) -> Tensor:
    shape = [1] * ndim
    shape[class_dim] = -1
    return weight.reshape(*shape)


def _soft_cross_entropy(
    log_probs: Tensor,
    target: Tensor,
    weight: Tensor | None,
    reduction: str,
    label_smoothing: float,
    class_dim: int,
) -> Tensor:
    n_classes = log_probs.shape[class_dim]
    if label_smoothing > 0.0:
        target = target * (1 - label_smoothing) + label_smoothing / n_classes
    terms = log_probs * target
    if weight is not None:
        terms = terms * _class_shape(weight, log_probs.ndim, class_dim)
    if reduction == "none":
        return -terms.sum(class_dim)
    total = -terms.sum()
    return total / (log_probs.numel() / n_classes) if reduction == "mean" else total


def _check_targets(input: Tensor, target: Tensor) -> None:
    """Whether targets of class indices fit inputs of shape (N, C, ...)."""
    if target._array.dtype.char not in "lqB":
        raise RuntimeError(f"expected target dtype to be Long or Byte, but got {target.dtype}")
    if input.shape[0] != (target.shape[0] if target.ndim else -1):
        batch = target.shape[0] if target.ndim else 0
        raise ValueError(
            f"Expected input batch_size ({input.shape[0]}) to match target batch_size ({batch})."
        )
    expected = (input.shape[0], *input.shape[2:])
    if tuple(target.shape) != expected:
        raise RuntimeError(f"[nll_loss] expected target size {list(expected)}, got {list(target.shape)}")


def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Negative log likelihood of class indices: minus the target's entry of each row of log-probabilities.

    Shapes: input (C,) or (N, C, ...), target () or (N, ...).
    """
    reduction = reduction_of(size_average, reduce, reduction)
    if input.ndim == 0 or (input.ndim == 1 and target.ndim > 0 and target.shape != (1,)):
        raise ValueError(f"Expected input batch_size (1) to match target batch_size ({target.numel()}).")
    if input.ndim == 1:
        result = nll_loss(input.unsqueeze(0), target.reshape(1), weight, None, ignore_index, None, reduction)
        return result.squeeze(0) if reduction == "none" else result
    _check_targets(input, target)
    if weight is not None and tuple(weight.shape) != (input.shape[1],):
        raise RuntimeError(
            f"weight tensor should be defined either for all {input.shape[1]} classes or no classes but got "
            "weight tensor "
            f"of shape: {list(weight.shape)}"
        )
    return _loss.nll_loss(
        input, target._array, None if weight is None else weight._array, ignore_index, reduction
    )


def _pair(name: str, input: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    if input._array.shape != target._array.shape:
        warnings.warn(
            f"Using a target size ({target.shape}) that is different to the input size ({input.shape}). "
            "This will likely "
            "lead to incorrect results due to broadcasting. Please ensure they have the same size.",
            stacklevel=3,
        )
    if input._array.dtype != target._array.dtype:
        common = _dtype.result_dtype([input._array, target._array])
        input, target = input.to(common), target.to(common)
    return input, target


def mse_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """Mean squared error."""
    reduction = reduction_of(size_average, reduce, reduction)
    input, target = _pair("mse_loss", input, target)
    if weight is None:
        return _loss.squared_error(input, target, reduction)
    return _weighted(_loss.squared_error(input, target, "none"), weight, reduction)


def _weighted(losses: Tensor, weight: Tensor | None, reduction: str) -> Tensor:
    if weight is None:
        return reduced(losses, reduction)
    if weight.shape != losses.shape:
        raise ValueError("Weights and input must have the same size.")
    losses = losses * weight
    return losses.sum() / weight.sum() if reduction == "mean" else reduced(losses, reduction)


def l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """Mean absolute error."""
    input, target = _pair("l1_loss", input, target)
    return _weighted((input - target).abs(), weight, reduction_of(size_average, reduce, reduction))


def smooth_l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    beta: float = 1.0,
) -> Tensor:
    """Squared error near 0, absolute error from `beta` on."""
    if beta < 0:
        raise RuntimeError("smooth_l1_loss does not support negative values for beta.")
    reduction = reduction_of(size_average, reduce, reduction)
    if beta == 0:
        return l1_loss(input, target, reduction=reduction)
    return _loss.smooth_l1(*_pair("smooth_l1_loss", input, target), beta, reduction)


def huber_loss(
    input: Tensor, target: Tensor, reduction: str = "mean", delta: float = 1.0, weight: Tensor | None = None
) -> Tensor:
    """`delta` times the smooth L1 loss with that threshold."""
    if delta <= 0:
        raise RuntimeError("huber_loss does not support non-positive values for delta.")
    reduction = reduction_of(None, None, reduction)
    input, target = _pair("huber_loss", input, target)
    if weight is None:
        return _loss.huber(input, target, delta, reduction)
    return _weighted(_loss.huber(input, target, delta, "none"), weight, reduction)


def binary_cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Binary cross-entropy of probabilities. ValueError unless shapes agree, RuntimeError outside [0, 1]."""
    reduction = reduction_of(size_average, reduce, reduction)
    if input.shape != target.shape:
        raise ValueError(
            f"Using a target size ({target.shape}) that is different to the input size ({input.shape}) is "
            "deprecated. "
            "Please ensure they have the same size."
        )
    if weight is None:
        return _loss.bce(input, target, reduction)
    return reduced(_loss.bce(input, target, "none") * weight, reduction)


def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """Binary cross-entropy of sigmoid(input), without overflow; `pos_weight` multiplies the positive
    class's term.
    """
    reduction = reduction_of(size_average, reduce, reduction)
    if input.shape != target.shape:
        raise ValueError(f"Target size ({target.shape}) must be the same as input size ({input.shape})")
    return _loss.bce_with_logits(
        input,
        target,
        None if weight is None else weight._array,
        None if pos_weight is None else pos_weight._array,
        reduction,
    )


def kl_div(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    log_target: bool = False,
) -> Tensor:
    """Kullback-Leibler divergence; `input` holds log-probabilities. Reduction also "batchmean"."""
    losses = _loss.kl_div(input, target, log_target)
    if reduction == "batchmean":
        return losses.sum() / (input.shape[0] if input.ndim else 1)
    return reduced(losses, reduction_of(size_average, reduce, reduction))


# ---- dropout -----------------------------------------------------------------------------------------------


def _check_probability(p: float) -> None:
    if p < 0.0 or p > 1.0:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """In training, each element is 0 with probability `p` and divided by 1 - p otherwise (Hinton et al.
    2012).
    """
    _check_probability(p)
    if not training or p == 0.0 or input.numel() == 0:
        return input
    if inplace:
        return input.mul_(wrap(random.dropout_noise(input._array.shape, input._array.dtype, p)))
    return masked_scale(input, *dropout_mask(input._array.shape, input._array.dtype, p))


def _feature_dropout(input: Tensor, p: float, training: bool, inplace: bool) -> Tensor:
    _check_probability(p)
    if not training or p == 0.0 or input.numel() == 0:
        return input
    noise = wrap(
        random.dropout_noise(random.feature_dropout_shape(input._array.shape), input._array.dtype, p)
    )
    return input.mul_(noise) if inplace else input * noise


def _channelwise(input: Tensor, p: float, training: bool, inplace: bool, dims: int) -> Tensor:
    if input.ndim not in (dims + 1, dims + 2):
        raise RuntimeError(
            f"[dropout{dims}d] expected {dims + 1} or {dims + 2} dimensions: got {tuple(input.shape)}"
        )
    if input.ndim == dims + 2:
        return _feature_dropout(input, p, training, inplace)
    result = _feature_dropout(input.unsqueeze(0), p, training, inplace)
    return input if inplace else result.squeeze(0)


def dropout1d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """`dropout` of whole channels of (N, C, L) or (C, L)."""
    return _channelwise(input, p, training, inplace, 1)


def dropout2d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """`dropout` of whole channels of (N, C, H, W) or (C, H, W)."""
    if input.ndim == 3:  # by old custom the first dimension is the batch
        return _feature_dropout(input, p, training, inplace)
    return _channelwise(input, p, training, inplace, 2)


def dropout3d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """`dropout` of whole channels of (N, C, D, H, W) or (C, D, H, W)."""
    return _channelwise(input, p, training, inplace, 3)


def alpha_dropout(input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False) -> Tensor:
    """Dropout that keeps mean and variance of SELU networks (Klambauer et al. 2017)."""
    _check_probability(p)
    if not training or p == 0.0 or input.numel() == 0:
        return input
    alpha = 1.7580993408473766
    kept = wrap(random.bernoulli(input._array.shape, input._array.dtype, 1 - p))
    a = 0.0 if p == 1 else 1.0 / math.sqrt((alpha * alpha * p + 1) * (1 - p))
    shift = (kept - 1) * (alpha * a) + alpha * a * p
    result = input * (kept * a) + shift
    return input.copy_(result) if inplace else result


# ---- normalisation -----------------------------------------------------------------------------------------


def layer_norm(
    input: Tensor,
    normalized_shape: Any,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Normalisation over the last dimensions, whose sizes are `normalized_shape`."""
    shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
    if not shape or tuple(input.shape[-len(shape) :]) != shape:
        raise RuntimeError(
            f"Given normalized_shape={list(shape)}, expected input with shape [*, "
            f"{', '.join(map(str, shape))}], but got "
            f"input of size{list(input.shape)}"
        )
    for name, v in (("weight", weight), ("bias", bias)):
        if v is not None and tuple(v.shape) != shape:
            raise RuntimeError(
                f"Expected {name} to be of same shape as normalized_shape, but got {name} of shape "
                f"{list(v.shape)} and normalized_shape = {list(shape)}"
            )
    return _norm.layer_norm(input, weight, bias, len(shape), eps)


def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Normalisation of each channel: by the batch's statistics in training, which also move the running
    ones.
    """
    named = (("running_mean", running_mean), ("running_var", running_var), ("weight", weight), ("bias", bias))
    channels = input._array.shape[1]
    for name, v in named:
        if v is not None and v._array.size != channels:
            raise RuntimeError(f"{name} should contain {channels} elements not {v.numel()}")
    if not training:
        if running_mean is None or running_var is None:
            raise RuntimeError("Expected running_mean and running_var to be defined when training=False")
        return _norm.batch_norm_eval(input, weight, bias, running_mean._array, running_var._array, eps)
    size = input._array.size // max(channels, 1)
    if size <= 1:
        raise ValueError(
            f"Expected more than 1 value per channel when training, got input size {input.shape}"
        )
    result, mean, var = _norm.batch_norm(input, weight, bias, eps)
    if running_mean is not None:
        _move(running_mean, mean._array, momentum)
    if running_var is not None:
        _move(running_var, var._array * (size / (size - 1)), momentum)
    return result


def _move(running: Tensor, value: Any, momentum: float) -> None:
    """A running average a step of `momentum` towards a new value, an array."""
    array = running._array
    array[...] = array * (1 - momentum) + value * momentum
    running._vc[0] += 1


def instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Normalisation of each channel of each sample."""
    if not use_input_stats:
        return batch_norm(input, running_mean, running_var, weight, bias, False, momentum, eps)
    if running_mean is not None or running_var is not None:
        seen = input.detach()
        dims = tuple(range(2, input.ndim))
        if running_mean is not None:
            _move(running_mean, seen.mean(dims).mean(0)._array, momentum)
        if running_var is not None:
            _move(running_var, seen.var(dims).mean(0)._array, momentum)
    return _norm.group_norm(input, weight, bias, input.shape[1], eps)


def group_norm(
    input: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Normalisation of each of `num_groups` groups of channels of each sample."""
    if input.ndim < 2:
        raise RuntimeError(f"Expected at least 2 dimensions for input tensor but received {input.ndim}")
    if input.shape[1] % num_groups:
        raise RuntimeError(
            "Expected number of channels in input to be divisible by num_groups, but got input of shape "
            f"{list(input.shape)} "
            f"and num_groups={num_groups}"
        )
    return _norm.group_norm(input, weight, bias, num_groups, eps)


def rms_norm(
    input: Tensor, normalized_shape: Any, weight: Tensor | None = None, eps: float | None = None
) -> Tensor:
    """The input over the root of its mean square over the last dimensions (Zhang and Sennrich 2019).

    `eps` (default: the smallest step from 1, for halves that of float32) is added to the mean square.
    """
    shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
    if tuple(input.shape[-len(shape) :]) != shape:
        raise RuntimeError(
            f"Given normalized_shape={list(shape)}, expected input with shape [*, "
            f"{', '.join(map(str, shape))}], but got "
            f"input of size{list(input.shape)}"
        )
    if weight is not None and tuple(weight.shape) != shape:
        raise RuntimeError(
            f"Expected weight to be of same shape as normalized_shape, but got weight of shape "
            f"{list(weight.shape)} and normalized_shape = {list(shape)}"
        )
    if eps is None:
        eps = 2.0**-52 if input._array.dtype.itemsize == 8 else 2.0**-23
    return _norm.rms_norm(input, weight, len(shape), eps)


def local_response_norm(
    input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Tensor:
    """Each element over (k + alpha * mean square of `size` neighbouring channels)^beta (Krizhevsky et al.
    2012).
    """
    if input.ndim < 3:
        raise ValueError(f"Expected 3D or higher dimensionality input (got {input.ndim} dimensions)")
    squares = input * input
    flat = squares.reshape(input.shape[0], 1, input.shape[1], -1)
    padded = pad(flat, (0, 0, size // 2, (size - 1) // 2))
    mean = avg_pool2d(padded, (size, 1), 1).reshape(input.shape)
    return input / (mean * alpha + k) ** beta


def normalize(
    input: Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12, out: Tensor | None = None
) -> Tensor:
    """Vectors along `dim` divided by their norm, or by `eps` if that is larger."""
    from ..autograd.op import write_out

    result: Tensor = write_out(
        "normalize", input / input.norm(p, dim, True).clamp_min(eps).expand_as(input), out
    )
    return result


# ---- look-up, padding, similarity, attention
# ----------------------------------------------------------------


def embedding(
    input: Tensor,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    """The rows of `weight` that the integers of `input` name; the row `padding_idx` gets no gradient."""
    if max_norm is not None or scale_grad_by_freq or sparse:
        raise NotImplementedError("[embedding] max_norm, scale_grad_by_freq and sparse are not supported")
    if input._array.dtype.kind not in "iu":
        raise RuntimeError(f"[embedding] expected indices of dtype int64 or int32: got {input.dtype}")
    n = weight.shape[0]
    if padding_idx is not None:
        if not -n <= padding_idx < n:
            raise AssertionError("Padding_idx must be within num_embeddings")
        padding_idx %= n
    return _embedding.embedding_rows(weight, input._array, padding_idx)


def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """Class indices as vectors of zeros with a one in the class's place, in int64."""
    from ..factory import zeros

    if tensor.numel() and int(tensor._array.min()) < 0:
        raise RuntimeError("Class values must be non-negative.")
    n = int(tensor._array.max()) + 1 if num_classes == -1 else num_classes
    if tensor.numel() and int(tensor._array.max()) >= n:
        raise RuntimeError("Class values must be smaller than num_classes.")
    return zeros(*tensor.shape, n, dtype=_dtype.int64).scatter_(-1, tensor.unsqueeze(-1), 1)


def pad(input: Tensor, pad: Any, mode: str = "constant", value: float | None = None) -> Tensor:
    """Entries added around the last dimensions: `pad` is (before, after) of the last one, then of the one
    before, ...

    Modes: "constant" (with `value`, default 0; negative amounts take away), "reflect", "replicate",
    "circular".
    """
    amounts = [int(p) for p in pad]
    if len(amounts) % 2 or len(amounts) > 2 * input.ndim:
        raise RuntimeError(
            "Padding length should be less than or equal to two times the input dimension but got padding "
            "length "
            f"{len(amounts)} and input of dimension {input.ndim}"
        )
    pairs = [(amounts[i], amounts[i + 1]) for i in range(0, len(amounts), 2)][::-1]
    first = input.ndim - len(pairs)
    if mode == "constant":
        for d, (a, b) in enumerate(pairs, first):
            if input.shape[d] + a + b < 0:
                raise RuntimeError(
                    f"[pad] negative size {input.shape[d] + a + b} at dimension {d}: got padding {(a, b)}"
                )
        return _embedding.pad_constant(input, ((0, 0),) * first + tuple(pairs), value or 0.0)
    if mode not in ("reflect", "replicate", "circular"):
        raise NotImplementedError(f"Unrecognised padding mode {mode}")
    from ..ops.index import take_rows

    result = input
    for d, (a, b) in enumerate(pairs, first):
        if a or b:
            result = take_rows(result, d, _border(mode, input.shape[d], a, b))
    return result


def _border(mode: str, n: int, before: int, after: int) -> Any:
    """For each place along a padded dimension, which entry it shows."""
    from ..kernels.namespace import namespace

    xp = namespace(0)
    if mode == "reflect" and max(before, after) >= n:
        raise RuntimeError(
            "Padding size should be less than the corresponding input dimension, but got: padding "
            f"({before}, {after}) at a dimension of size {n}"
        )
    if mode == "circular" and max(before, after) > n:
        raise RuntimeError("Padding value causes wrapping around more than once.")
    at = xp.arange(-before, n + after)
    if mode == "replicate":
        return xp.clip(at, 0, n - 1)
    if mode == "circular":
        return at % n
    return xp.abs((at + (n - 1)) % max(2 * (n - 1), 1) - (n - 1))


def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """The cosine of the angle between vectors along `dim`; each norm is at least `eps`."""
    return (x1 * x2).sum(dim) / (x1.norm(2, dim).clamp_min(eps) * x2.norm(2, dim).clamp_min(eps))


def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """`input1 @ weight[k] @ input2` for each k, plus the bias. Shapes: (*, in1), (*, in2), (out, in1,
    in2).
    """
    rows = (input1.unsqueeze(-2).unsqueeze(-2) @ weight).squeeze(-2)
    result = (rows * input2.unsqueeze(-2)).sum(-1)
    return result if bias is None else result + bias


def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """softmax(query @ key^T * scale + mask) @ value (Vaswani et al. 2017); `scale` is 1 / sqrt(dimension)
    by default.

    Memory grows with the length, not with its square, in the float32 kernels without dropout.

    Args:
        query: (..., L, E).
        key: (..., S, E).
        value: (..., S, V). Leading dimensions broadcast.
        attn_mask: broadcastable to (..., L, S): bool (True takes part) or numbers to add. A row of which nothing
            takes part gives 0.
        dropout_p: probability with which a weight is set to 0; here also outside of training.
        is_causal: each place sees itself and what came before.
        scale: factor of the products of queries and keys.
        enable_gqa: (..., heads, L, E) queries with (..., groups, S, E) keys and values, the heads being a
            multiple of the groups.

    Returns:
        (..., L, V) in the dtype of `query`.

    Raises:
        RuntimeError: dtypes that differ, fewer than two dimensions, or `attn_mask` together with `is_causal`.

    >>> import facula
    >>> q = facula.ones(1, 2, 3, 4)
    >>> scaled_dot_product_attention(q, q, q, is_causal=True).shape
    facula.Size([1, 2, 3, 4])
    """
    if not query.dtype is key.dtype is value.dtype:
        raise RuntimeError(
            f"Expected query, key, and value to have the same dtype, but got query.dtype: {query.dtype}, key.dtype: "
            f"{key.dtype} and value.dtype: {value.dtype} instead."
        )
    if min(query.dim(), key.dim(), value.dim()) < 2:
        raise RuntimeError(
            f"Expected query, key, and value to all be at least 2 dimensional, but got query.dim: {query.dim()}, "
            f"key.dim: {key.dim()} and value.dim: {value.dim()} instead."
        )
    if query.shape[-1] != key.shape[-1] or key.shape[-2] != value.shape[-2]:
        raise RuntimeError(
            "scaled_dot_product_attention: query (..., L, E), key (..., S, E) and value (..., S, V) do not fit: got "
            f"{tuple(query.shape)}, {tuple(key.shape)} and {tuple(value.shape)}"
        )
    if attn_mask is not None:
        if is_causal:
            raise RuntimeError(
                "_scaled_dot_product_attention: Explicit attn_mask should not be set when is_causal=True"
            )
        if attn_mask.dtype is not _dtype.bool_ and attn_mask.dtype is not query.dtype:
            raise RuntimeError(
                f"Expected attn_mask dtype to be bool or to match query dtype, but got attn_mask.dtype: "
                f"{attn_mask.dtype} and query.dtype: {query.dtype} instead."
            )
    if enable_gqa:
        return _grouped_attention(query, key, value, attn_mask, dropout_p, is_causal, scale)
    if scale is None:
        scale = 1 / math.sqrt(query.shape[-1]) if query.shape[-1] else 1.0
    if dropout_p > 0 or (attn_mask is not None and attn_mask.requires_grad):
        # The random numbers are drawn for all weights in order, so there is no way round the whole matrix.
        weights = _attention.attention_weights(query, key, attn_mask, is_causal, float(scale))
        return dropout(weights, dropout_p) @ value
    result: Tensor = _attention.attention(query, key, value, attn_mask, is_causal, float(scale))[0]
    return result


def _grouped_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None,
    dropout_p: float,
    is_causal: bool,
    scale: Any,
) -> Tensor:
    """Attention in which several heads of the queries, side by side, share a head of keys and values."""
    heads, groups = query.shape[-3], key.shape[-3]
    if groups == 0 or heads % groups or value.shape[-3] != groups:
        raise RuntimeError(
            "scaled_dot_product_attention: with enable_gqa the number of heads of key and value must be equal and "
            f"divide that of query: got {query.shape[-3]}, {key.shape[-3]} and {value.shape[-3]}"
        )
    parted = query.reshape(*query.shape[:-3], groups, heads // groups, *query.shape[-2:])
    if mask is not None and mask.dim() > 2:
        sizes = (groups, heads // groups) if mask.shape[-3] == heads else (1, 1)
        mask = mask.reshape(*mask.shape[:-3], *sizes, *mask.shape[-2:])
    result = scaled_dot_product_attention(
        parted, key.unsqueeze(-3), value.unsqueeze(-3), mask, dropout_p, is_causal, scale
    )
    return result.reshape(*result.shape[:-4], heads, *result.shape[-2:])


# What PyTorch has in its main namespace too.
for _function in (
    adaptive_avg_pool1d, avg_pool1d, batch_norm, bilinear, binary_cross_entropy_with_logits, celu, celu_,
    conv1d, conv2d,
    conv3d, conv_transpose1d, conv_transpose2d, conv_transpose3d, cosine_embedding_loss, cosine_similarity,
    dropout,
    group_norm, hardshrink, hinge_embedding_loss, instance_norm, kl_div, layer_norm, margin_ranking_loss,
    max_pool1d,
    max_pool2d, max_pool3d, pairwise_distance, pixel_shuffle, pixel_unshuffle, poisson_nll_loss, prelu,
    rms_norm, selu,
    threshold, triplet_margin_loss,
):  # fmt: skip
    publish(_function, _function.__name__, "torch")
publish(hardshrink, "hardshrink", "Tensor")
publish(prelu, "prelu", "Tensor")
