"""The named tuples that functions with several results return."""

from __future__ import annotations

from collections import namedtuple
from typing import Any

from .. import _branding


def return_type(name: str, *fields: str) -> Any:
    """A named tuple class that prints as PyTorch's: `facula.return_types.max(`, then a line for each field.

    >>> pair = return_type("max", "values", "indices")
    >>> pair(1, 2)
    facula.return_types.max(
    values=1,
    indices=2)
    """

    def show(self: Any) -> str:
        lines = ",\n".join(f"{field}={value!r}" for field, value in zip(fields, self, strict=True))
        return f"{_branding.name()}.return_types.{name}(\n{lines})"

    base = namedtuple(name, fields)  # type: ignore[misc]
    return type(name, (base,), {"__repr__": show, "__slots__": (), "__module__": __name__})
