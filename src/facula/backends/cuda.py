"""NVIDIA's graphics processors: not used. Programs set switches; here they change nothing."""

from __future__ import annotations


class _Matmul:
    """Switches of matrix products on such a processor."""

    allow_tf32 = False
    allow_fp16_reduced_precision_reduction = True
    allow_bf16_reduced_precision_reduction = True


matmul = _Matmul()


def is_built() -> bool:
    """Whether the package was built for them: never.

    >>> is_built()
    False
    """
    return False
