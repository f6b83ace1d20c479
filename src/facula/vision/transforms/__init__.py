"""Transforms of images, one at a time or composed. The look-alike of `torchvision.transforms` (version 1)."""

from . import functional as functional
from .functional import InterpolationMode as InterpolationMode
from .transforms import CenterCrop as CenterCrop
from .transforms import Compose as Compose
from .transforms import ConvertImageDtype as ConvertImageDtype
from .transforms import Grayscale as Grayscale
from .transforms import Lambda as Lambda
from .transforms import Normalize as Normalize
from .transforms import Pad as Pad
from .transforms import PILToTensor as PILToTensor
from .transforms import RandomCrop as RandomCrop
from .transforms import RandomHorizontalFlip as RandomHorizontalFlip
from .transforms import Resize as Resize
from .transforms import ToPILImage as ToPILImage
from .transforms import ToTensor as ToTensor

__all__ = [
    "CenterCrop",
    "Compose",
    "ConvertImageDtype",
    "Grayscale",
    "InterpolationMode",
    "Lambda",
    "Normalize",
    "PILToTensor",
    "Pad",
    "RandomCrop",
    "RandomHorizontalFlip",
    "Resize",
    "ToPILImage",
    "ToTensor",
    "functional",
]
