"""Facula: PyTorch's way of working as a small package on NumPy.

    import facula as torch

Names, arguments, defaults, errors and printed text are PyTorch's; the same seed gives the same numbers.
"""
import math as _math

from . import autograd, backends, cuda, nn, optim, random, utils, version
from ._device import device
from ._dtype import (
    bfloat16,
    bool_,
    can_cast,
    complex64,
    complex128,
    dtype,
    float8_e4m3fn,
    float8_e5m2,
    float16,
    float32,
    float64,
    get_default_dtype,
    int8,
    int16,
    int32,
    int64,
    promote_types,
    set_default_dtype,
    uint8,
    uint16,
    uint32,
    uint64,
)
from ._size import Size
from ._tensor import Tensor
from ._version import __version__
from .autograd.mode import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
)
from .factory import (
    BFloat16Tensor,
    BoolTensor,
    ByteTensor,
    CharTensor,
    DoubleTensor,
    FloatTensor,
    HalfTensor,
    IntTensor,
    LongTensor,
    ShortTensor,
    channels_last,
    contiguous_format,
    layout,
    memory_format,
    preserve_format,
    strided,
)
from .kernels import overrides as _overrides
from .ops import operators as _operators
from .printing import set_printoptions
from .random import Generator, default_generator, get_rng_state, initial_seed, manual_seed, seed, set_rng_state
from .serialization import load, save
from .storage import UntypedStorage
from .threads import get_num_threads, set_num_threads

from .factory import (
    arange,
    as_tensor,
    asarray,
    empty,
    empty_like,
    eye,
    from_numpy,
    frombuffer,
    full,
    full_like,
    linspace,
    ones,
    ones_like,
    tensor,
    zeros,
    zeros_like,
)

from .ops.activation import (
    erf,
    erfc,
    relu,
    sigmoid,
)

from .ops.compare import (
    bitwise_and,
    bitwise_not,
    bitwise_or,
    bitwise_xor,
    eq,
    ge,
    gt,
    isclose,
    le,
    logical_and,
    logical_not,
    logical_or,
    logical_xor,
    lt,
    ne,
)

from .ops.index import (
    argwhere,
    gather,
    index_put_copy as index_put,
    index_select,
    masked_fill,
    masked_select,
    nonzero,
    scatter,
    scatter_add,
)

from .ops.matmul import (
    matmul,
)

from .ops.overloads import (
    add,
    addcdiv,
    addcmul,
    addmm,
    all,
    allclose,
    amax,
    amin,
    any,
    argmax,
    argmin,
    argsort,
    bincount,
    bmm,
    broadcast_tensors,
    broadcast_to,
    cat,
    chunk,
    clamp,
    clamp_max,
    clamp_min,
    count_nonzero,
    cumprod,
    cumsum,
    detach,
    diag,
    diagonal,
    div,
    dot,
    equal,
    flatten,
    flip,
    hstack,
    is_complex,
    is_floating_point,
    is_tensor,
    lerp,
    logsumexp,
    max,
    mean,
    min,
    mm,
    movedim,
    mv,
    narrow,
    norm,
    numel,
    outer,
    permute,
    pow,
    prod,
    repeat_interleave,
    reshape,
    result_type,
    roll,
    rsub,
    select,
    sort,
    split,
    squeeze,
    stack,
    std,
    sub,
    sum,
    tile,
    topk,
    transpose,
    tril,
    triu,
    unbind,
    unflatten,
    unique,
    unsqueeze,
    var,
    vstack,
    where,
)

from .ops.pointwise import (
    abs,
    acos,
    acosh,
    asin,
    asinh,
    atan,
    atan2,
    atanh,
    ceil,
    clone,
    cos,
    cosh,
    exp,
    exp2,
    expm1,
    floor,
    floor_divide,
    fmod,
    frac,
    isfinite,
    isinf,
    isnan,
    log,
    log10,
    log1p,
    log2,
    logaddexp,
    maximum,
    minimum,
    mul,
    nan_to_num,
    neg,
    real,
    reciprocal,
    remainder,
    round,
    rsqrt,
    sgn,
    sign,
    signbit,
    sin,
    sinh,
    sqrt,
    square,
    tan,
    tanh,
    trunc,
)

from .ops.sampling import (
    bernoulli,
    multinomial,
    normal,
    poisson,
    rand,
    rand_like,
    randint,
    randint_like,
    randn,
    randn_like,
    randperm,
)

from .ops.shape import (
    t,
)


float = float32  # noqa: A001 - PyTorch's names for dtypes
double = float64
half = float16
short = int16
int = int32  # noqa: A001
long = int64
cfloat = complex64
cdouble = complex128
bool = bool_  # noqa: A001
inf, nan, pi, e = _math.inf, _math.nan, _math.pi, _math.e
absolute, arccos, arcsin, arctan, arctan2 = abs, acos, asin, atan, atan2
concat = concatenate = cat
greater, greater_equal, less, less_equal, not_equal = gt, ge, lt, le, ne
multiply, subtract, divide, true_divide, negative = mul, sub, div, div, neg
swapaxes, clip, fix, moveaxis, ger = transpose, clamp, trunc, movedim, outer
