"""Submodules and names that are imported on demand."""

from __future__ import annotations

import sys
import types

import pytest

from facula._lazy import lazily


def test_modules_and_names(monkeypatch):
    package = types.ModuleType("lazy_package")
    part = types.ModuleType("lazy_package.part")
    part.thing = object()
    monkeypatch.setitem(sys.modules, "lazy_package", package)
    monkeypatch.setitem(sys.modules, "lazy_package.part", part)
    get = lazily("lazy_package", modules=("part",), names={"thing": "part"})
    assert get("part") is part
    assert get("thing") is part.thing
    assert package.thing is part.thing  # found at once the next time
    with pytest.raises(AttributeError, match="module 'lazy_package' has no attribute 'other'"):
        get("other")
