"""Kernels: array namespaces, and overrides of ops that compiled code does faster."""

from __future__ import annotations

from .cpu import describe, get_num_threads, native_available, set_num_threads

__all__ = ["describe", "get_num_threads", "native_available", "set_num_threads"]
