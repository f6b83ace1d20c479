"""Saving and loading in PyTorch's own file format."""

from .api import load, save

__all__ = ["load", "save"]
