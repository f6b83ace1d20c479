"""The name the package prints about itself: "facula", or "torch" while `facula.compat` is installed."""

_name = "facula"


def name() -> str:
    """The prefix of printed names, as in `facula.float32`."""
    return _name


def set_name(value: str) -> None:
    """Change the printed prefix; called by `facula.compat`."""
    global _name
    _name = value
