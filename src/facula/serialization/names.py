"""The names that stand in PyTorch's files, and what they mean here.

A file names functions and classes as "module qualname". Values with names of their own (dtypes, storages,
module classes) are matched in both directions here; nothing in this file imports or calls what a file names.
"""

from __future__ import annotations

import sys
from functools import cache
from types import ModuleType
from typing import Any

from .. import _dtype
from .._core import FUNCTIONS

# PyTorch's typed storages; the dtypes that came after them are saved as untyped bytes with the dtype beside.
STORAGES: dict[str, _dtype.dtype] = {
    "BoolStorage": _dtype.bool_,
    "ByteStorage": _dtype.uint8,
    "CharStorage": _dtype.int8,
    "ShortStorage": _dtype.int16,
    "IntStorage": _dtype.int32,
    "LongStorage": _dtype.int64,
    "HalfStorage": _dtype.float16,
    "BFloat16Storage": _dtype.bfloat16,
    "FloatStorage": _dtype.float32,
    "DoubleStorage": _dtype.float64,
    "ComplexFloatStorage": _dtype.complex64,
    "ComplexDoubleStorage": _dtype.complex128,
}
STORAGE_NAMES: dict[_dtype.dtype, str] = {d: name for name, d in STORAGES.items()}
DTYPES: dict[str, _dtype.dtype] = {d.name: d for d in _dtype.ALL}

# Where PyTorch 2.13 defines its modules: torch.nn.modules.<key>.
_TORCH_MODULES = {
    "activation": (
        "CELU ELU GELU GLU Hardshrink Hardsigmoid Hardswish Hardtanh LeakyReLU LogSigmoid LogSoftmax Mish "
        "MultiheadAttention PReLU RReLU ReLU ReLU6 SELU SiLU Sigmoid Softmax Softmax2d Softmin Softplus "
        "Softshrink Softsign Tanh Tanhshrink Threshold"
    ),
    "adaptive": "AdaptiveLogSoftmaxWithLoss",
    "batchnorm": (
        "BatchNorm1d BatchNorm2d BatchNorm3d LazyBatchNorm1d LazyBatchNorm2d LazyBatchNorm3d SyncBatchNorm"
    ),
    "channelshuffle": "ChannelShuffle",
    "container": "ModuleDict ModuleList ParameterDict ParameterList Sequential",
    "conv": (
        "Conv1d Conv2d Conv3d ConvTranspose1d ConvTranspose2d ConvTranspose3d LazyConv1d LazyConv2d "
        "LazyConv3d LazyConvTranspose1d LazyConvTranspose2d LazyConvTranspose3d"
    ),
    "distance": "CosineSimilarity PairwiseDistance",
    "dropout": "AlphaDropout Dropout Dropout1d Dropout2d Dropout3d FeatureAlphaDropout",
    "flatten": "Flatten Unflatten",
    "fold": "Fold Unfold",
    "instancenorm": (
        "InstanceNorm1d InstanceNorm2d InstanceNorm3d LazyInstanceNorm1d LazyInstanceNorm2d "
        "LazyInstanceNorm3d"
    ),
    "linear": "Bilinear Identity LazyLinear Linear",
    "loss": (
        "BCELoss BCEWithLogitsLoss CTCLoss CosineEmbeddingLoss CrossEntropyLoss GaussianNLLLoss "
        "HingeEmbeddingLoss HuberLoss KLDivLoss L1Loss MSELoss MarginRankingLoss MultiLabelMarginLoss "
        "MultiLabelSoftMarginLoss MultiMarginLoss NLLLoss NLLLoss2d PoissonNLLLoss SmoothL1Loss "
        "SoftMarginLoss TripletMarginLoss TripletMarginWithDistanceLoss"
    ),
    "module": "Module",
    "normalization": "CrossMapLRN2d GroupNorm LayerNorm LocalResponseNorm RMSNorm",
    "padding": (
        "CircularPad1d CircularPad2d CircularPad3d ConstantPad1d ConstantPad2d ConstantPad3d "
        "ReflectionPad1d ReflectionPad2d ReflectionPad3d ReplicationPad1d ReplicationPad2d "
        "ReplicationPad3d ZeroPad1d ZeroPad2d ZeroPad3d"
    ),
    "pixelshuffle": "PixelShuffle PixelUnshuffle",
    "pooling": (
        "AdaptiveAvgPool1d AdaptiveAvgPool2d AdaptiveAvgPool3d AdaptiveMaxPool1d AdaptiveMaxPool2d "
        "AdaptiveMaxPool3d AvgPool1d AvgPool2d AvgPool3d FractionalMaxPool2d FractionalMaxPool3d LPPool1d "
        "LPPool2d LPPool3d MaxPool1d MaxPool2d MaxPool3d MaxUnpool1d MaxUnpool2d MaxUnpool3d"
    ),
    "rnn": "GRU GRUCell LSTM LSTMCell RNN RNNBase RNNCell RNNCellBase",
    "sparse": "Embedding EmbeddingBag",
    "transformer": (
        "Transformer TransformerDecoder TransformerDecoderLayer TransformerEncoder TransformerEncoderLayer"
    ),
    "upsampling": "Upsample UpsamplingBilinear2d UpsamplingNearest2d",
}


@cache
def _torch_module_of() -> dict[str, str]:
    return {
        name: f"torch.nn.modules.{key}" for key, names in _TORCH_MODULES.items() for name in names.split()
    }


def name_of_module_class(cls: type) -> tuple[str, str] | None:
    """The (module, qualname) under which a Module class is saved: PyTorch's where it has that class.

    None if the class cannot be found again by its name, as one defined inside a function.
    """
    from .. import nn

    place = _torch_module_of().get(cls.__name__)
    if place is not None and vars(nn).get(cls.__name__) is cls:
        return place, cls.__name__
    if _defined(cls.__module__, cls.__qualname__) is not cls:
        return None
    return _outside_name(cls.__module__), cls.__qualname__


def _outside_name(module: str) -> str:
    if module.startswith("facula.nn.modules."):
        return "torch" + module[len("facula") :]
    return "torchvision" + module[len("facula.vision") :] if module.startswith("facula.vision.") else module


def find_module_class(module: str, qualname: str) -> type | None:
    """The Module class that a file names, if facula or the running program already defines it; else None."""
    from .. import nn

    found: Any = None
    if module.startswith("torch.nn.") and "." not in qualname:
        # Some, such as the last step of MultiheadAttention, are not exported but stand at the same path.
        found = vars(nn).get(qualname) or _defined("facula" + module[len("torch") :], qualname)
    elif module.startswith("torchvision."):
        found = _defined("facula.vision" + module[len("torchvision") :], qualname)
    if found is None:
        found = _defined(module, qualname)
    # Looking at the MRO asks nothing of the class; issubclass could call code of its metaclass.
    return found if _is_class(found) and nn.Module in type.__dict__["__mro__"].__get__(found) else None


def _is_class(value: Any) -> bool:
    return type in type(value).__mro__


def _defined(module: str, qualname: str) -> Any:
    """What a loaded module holds under a dotted name, found in plain dictionaries: nothing is run for it."""
    found: Any = sys.modules.get(module)
    if not issubclass(type(found), ModuleType):
        return None
    space = object.__getattribute__(found, "__dict__")
    parts = qualname.split(".")
    for i, part in enumerate(parts):
        found = space.get(part)
        if i < len(parts) - 1:
            if not _is_class(found):
                return None
            space = type.__dict__["__dict__"].__get__(found)
    return found


def find_functional(name: str) -> Any:
    """A public function of `nn.functional`, such as an activation that a module holds; else None."""
    from ..nn import functional

    found = vars(functional).get(name)
    return found if _is_functional(name, found) else None


def name_of_functional(function: Any) -> str | None:
    """The name under which `nn.functional` publishes a function; None if it does not."""
    from ..nn import functional

    name = getattr(function, "__name__", None)
    if isinstance(name, str) and vars(functional).get(name) is function and _is_functional(name, function):
        return name
    return None


def _is_functional(name: str, found: Any) -> bool:
    if name.startswith("_") or not isinstance(found, FUNCTIONS):
        return False
    return str(found.__module__).partition(".")[0] == "facula"
