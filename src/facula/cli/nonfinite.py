"""Finding where a loss that is not finite comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import isfinite, nn, no_grad

if TYPE_CHECKING:
    from .._tensor import Tensor


def _finite(tensor: Tensor) -> bool:
    return bool(isfinite(tensor).all())


def blame(model: nn.Module, images: Tensor) -> str:
    """Send the batch through `model` again and say which module was the first to give NaN or infinity.

    Modules report when they finish, so an inner layer is named before the container around it.
    """
    if not _finite(images):
        return "the images themselves are not finite"
    guilty: list[str] = []

    def watch(name: str, module: nn.Module) -> Any:
        def hook(_module: nn.Module, _inputs: Any, output: Any) -> None:
            if not guilty and not _finite(output):
                guilty.append(_describe(name, module))

        return hook

    handles = [module.register_forward_hook(watch(name, module)) for name, module in model.named_modules()]
    try:
        with no_grad():
            model(images)
    finally:
        for handle in handles:
            handle.remove()
    return guilty[0] if guilty else "every module's output was finite, so the loss function overflowed"


def _describe(name: str, module: nn.Module) -> str:
    where = f"`{name}` ({type(module).__name__})" if name else f"the model ({type(module).__name__})"
    broken = [key for key, parameter in module.named_parameters() if not _finite(parameter)]
    cause = f"; its {broken[0]} is not finite any more" if broken else ""
    return f"the first module whose output was not finite is {where}{cause}"
