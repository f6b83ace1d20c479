"""Image data sets: MNIST, Fashion-MNIST, and garments that the package draws itself."""

from .drawn import DrawnFashion as DrawnFashion
from .images import LabelledImages as LabelledImages
from .mnist import MNIST as MNIST
from .mnist import FashionMNIST as FashionMNIST
from .vision import VisionDataset as VisionDataset

__all__ = ["MNIST", "DrawnFashion", "FashionMNIST", "LabelledImages", "VisionDataset"]
