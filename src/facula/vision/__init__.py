"""Images: data sets, transforms, utilities. The look-alike of torchvision."""

from . import datasets as datasets
from . import transforms as transforms
from . import utils as utils

__all__ = ["datasets", "transforms", "utils"]
