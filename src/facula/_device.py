"""Devices: where a tensor's memory lives."""

from __future__ import annotations

from typing import Any

_KNOWN = ("cpu", "cuda", "mps", "xpu", "meta")


class device:
    """A device such as `device("cpu")` or `device("cuda", 0)`.

    Only "cpu" can hold tensors; the other names exist so that programs can ask for them and compare them.
    Raises RuntimeError for an unknown name.

    >>> device("cpu").type
    'cpu'
    """

    __slots__ = ("index", "type")
    type: str
    index: int | None

    def __init__(self, type: str | device | int, index: int | None = None) -> None:
        if not isinstance(type, (device, str, int)) or isinstance(type, bool):
            raise TypeError(
                f"device(): argument 'type' must be str, int or device, not {type.__class__.__name__}"
            )
        if isinstance(type, device):
            name, index = type.type, type.index if index is None else index
        elif isinstance(type, int):
            name, index = "cuda", type
        else:
            name = type
        kind, _, number = name.partition(":")
        if kind not in _KNOWN:
            raise RuntimeError(
                f"[device] expected one of {', '.join(_KNOWN)} device type at start of device string: {name}"
            )
        if number:
            if index is not None:
                raise RuntimeError(
                    "[device] type (string) must not include an index because index was passed explicitly: "
                    f"got {name!r} and {index}"
                )
            if not number.isdigit():
                raise RuntimeError(f"[device] invalid device string: '{name}'")
            index = int(number)
        object.__setattr__(self, "type", kind)
        object.__setattr__(self, "index", index)

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"attribute '{name}' of 'device' objects is not writable")

    def __repr__(self) -> str:
        return f"device(type='{self.type}'" + (")" if self.index is None else f", index={self.index})")

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, device) and (self.type, self.index) == (other.type, other.index)

    def __hash__(self) -> int:
        return hash((self.type, self.index))

    def __enter__(self) -> device:
        """With `with device("cpu"):` new tensors are made on that device."""
        check_device(self, "device")
        return self

    def __exit__(self, *exc: object) -> None: ...

    def __reduce__(self) -> Any:
        return (device, (self.type,) if self.index is None else (self.type, self.index))


cpu = device("cpu")


def check_device(value: Any, what: str = "device") -> device:
    """The device that `value` names, if tensors can live there; otherwise a clear error."""
    if value is None:
        return cpu
    found = value if isinstance(value, device) else device(value)
    if found.type == "cpu":
        return cpu
    if found.type == "cuda":
        # AssertionError is what a CPU build of PyTorch raises.
        raise AssertionError(
            f"[{what}] facula is not compiled with CUDA enabled: got {str(found)!r}; use device='cpu'"
        )
    raise NotImplementedError(f"[{what}] only the device 'cpu' is supported: got {str(found)!r}")


def get_default_device() -> device:
    """The device of new tensors: the CPU."""
    return cpu


def set_default_device(device: Any) -> None:
    """Choose the device of new tensors: None or "cpu"; others raise as `device=` does."""
    check_device(device, "set_default_device")
