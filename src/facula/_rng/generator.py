"""The generator: MT19937 with PyTorch's seeding, counting of draws, and layout of the saved state."""

from __future__ import annotations

import operator
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from .._device import device as Device
    from .._tensor import Tensor

DEFAULT_SEED = 67280421310721  # what PyTorch's generators start from when nobody seeds them
_WORDS = 624  # 32-bit words of MT19937's state

# PyTorch's layout of a CPU generator's state. `left` counts down to the next renewal of the words: 1 is due
# now.
_STATE = np.dtype(
    [
        ("seed", "<u8"),
        ("left", "<i4"),
        ("seeded", "<i4"),
        ("next", "<u8"),
        ("words", "<u8", _WORDS),
        ("normal_x", "<f8"),
        ("normal_y", "<f8"),  # the second normal of a pair, waiting
        ("normal_rho", "<f8"),
        ("normal_is_valid", "<i4"),
        ("padding", "V4"),
        ("float_normal", "<f4"),
        ("float_normal_is_valid", "u1"),
        ("more_padding", "V3"),
    ]
)


class Generator:
    """A source of random numbers with its own seed and state.

    ``device`` must be the CPU, the only kind there is; otherwise RuntimeError. A new generator starts from a
    fixed seed, as in PyTorch.

    >>> Generator().manual_seed(3).initial_seed()
    3
    """

    def __init__(self, device: Any = "cpu") -> None:
        kind = getattr(device, "type", device)
        if not isinstance(kind, str) or kind.partition(":")[0] != "cpu":
            raise RuntimeError(f"[Generator] device must be the CPU: got {device!r}")
        self._start(DEFAULT_SEED)

    def _start(self, seed: int) -> None:
        self._seed = seed
        self._bits: Any = None  # numpy's MT19937, made at the first draw: numpy.random is slow to import
        self._next_normal: float | None = None
        self._float_normal = (0.0, 0)  # kept only so that a state of PyTorch's passes through unchanged
        self._fresh = True  # no draw yet: PyTorch writes such a state in its own way

    def _engine(self) -> Any:
        if self._bits is None:
            from numpy.random import MT19937, RandomState

            self._bits = MT19937(0)
            RandomState(self._bits).seed(self._seed & 0xFFFFFFFF)  # the reference init_genrand, in C
        return self._bits

    # Draws, for the samplers. Both return uint64 arrays.

    def _draw32(self, count: int) -> np.ndarray:
        self._fresh &= count == 0
        return self._engine().random_raw(count)

    def _draw64(self, count: int) -> np.ndarray:
        pairs = self._draw32(2 * count)
        return (pairs[::2] << np.uint64(32)) | pairs[1::2]

    def _draw_natively(self, count: int, draw: Callable[[Any], Any]) -> Any:
        """What ``draw`` returns, which makes ``count`` 32-bit draws from NumPy's generator, given as a capsule."""
        self._fresh &= count == 0
        engine = self._engine()
        with engine.lock:
            return draw(engine.capsule)

    def _mark(self) -> Any:
        """Where the stream is now, for `_rewind`."""
        return self._engine().state, self._fresh

    def _rewind(self, mark: Any, used: int) -> None:
        """Go back to the mark, and on from there by ``used`` 32-bit draws."""
        self._engine().state, self._fresh = mark
        self._fresh &= used == 0
        self._engine().random_raw(used, output=False)

    @property
    def device(self) -> Device:
        """The device whose numbers these are: always the CPU."""
        from .._device import device

        return device("cpu")

    def manual_seed(self, seed: int) -> Generator:
        """Start again from ``seed``, in [-2**63, 2**64); a negative one counts from 2**64. Returns itself.

        Only the low 32 bits matter to the numbers, as in PyTorch. Raises RuntimeError if ``seed`` is no int
        and ValueError if it is out of range.
        """
        try:
            number = operator.index(seed)
        except TypeError:
            number = None
        if number is None or isinstance(seed, (bool, np.bool_)):
            raise RuntimeError(f"[manual_seed] seed must be an int: got {type(seed).__name__}")
        if not -(1 << 63) <= number < 1 << 64:
            raise ValueError(f"[manual_seed] seed must be in [-2**63, 2**64): got {number}")
        self._start(number % (1 << 64))
        return self

    def seed(self) -> int:
        """Seed from the operating system's randomness; returns the 64-bit seed."""
        seed = int.from_bytes(os.urandom(8), "little")
        self._start(seed)
        return seed

    def initial_seed(self) -> int:
        """The seed last set."""
        return self._seed

    def get_state(self) -> Tensor:
        """The state as a uint8 tensor of shape (5056,), laid out as PyTorch does.

        >>> Generator().get_state().shape[0]
        5056
        """
        from .._tensor import wrap

        return wrap(self._state_bytes())

    def set_state(self, new_state: Tensor) -> None:
        """Go on from a state that ``get_state`` (ours or PyTorch's) returned.

        Raises TypeError if it is no uint8 tensor, RuntimeError if its size or content is wrong.
        """
        array = getattr(new_state, "_array", new_state)
        if not isinstance(array, np.ndarray) or array.dtype != np.uint8:
            found = (
                f"a tensor of {array.dtype}" if isinstance(array, np.ndarray) else type(new_state).__name__
            )
            raise TypeError(f"[set_state] state must be a ByteTensor: got {found}")
        self._load_bytes(array)

    def clone_state(self) -> Generator:
        """A new generator that goes on from the same state."""
        twin = Generator()
        twin._load_bytes(self._state_bytes())
        return twin

    def _state_bytes(self) -> np.ndarray:
        state = np.zeros((), _STATE)
        inner = self._engine().state["state"]
        position = int(inner["pos"])
        state["seed"], state["seeded"], state["words"] = self._seed, 1, inner["key"]
        state["left"] = _WORDS + 1 - position if position < _WORDS else 1
        state["next"] = 0 if self._fresh else position
        state["normal_y"], state["normal_is_valid"] = self._next_normal or 0.0, self._next_normal is not None
        state["float_normal"], state["float_normal_is_valid"] = self._float_normal
        return np.frombuffer(bytearray(state.tobytes()), np.uint8)

    def _load_bytes(self, array: np.ndarray) -> None:
        if array.size != _STATE.itemsize:
            raise RuntimeError(f"[set_state] state must have {_STATE.itemsize} bytes: got {array.size}")
        state = np.frombuffer(array.tobytes(), _STATE)[0]
        left, position = int(state["left"]), int(state["next"])
        if state["seeded"] != 1 or not 1 <= left <= _WORDS or position > _WORDS:
            raise RuntimeError(
                f"[set_state] state must be a valid mt19937 state: got left={left} next={position}"
            )
        self._start(int(state["seed"]))
        self._engine().state = {
            "bit_generator": "MT19937",
            "state": {"key": state["words"].astype(np.uint32), "pos": _WORDS if left == 1 else position},
        }
        self._fresh = left == 1 and position == 0
        self._next_normal = float(state["normal_y"]) if state["normal_is_valid"] else None
        self._float_normal = (float(state["float_normal"]), int(state["float_normal_is_valid"]))

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (self._state_bytes().tobytes(),)


def _rebuild(state: bytes) -> Generator:
    generator = Generator()
    generator._load_bytes(np.frombuffer(state, np.uint8))
    return generator


default_generator = Generator()
