"""Which Facula module serves which PyTorch import path."""

from __future__ import annotations

#: The names the hook answers to.
ROOTS = {"torch": "facula", "torchvision": "facula.vision"}

#: The releases whose behaviour is followed, which programs read from `__version__`.
RELEASES = {"torch": "2.13.0", "torchvision": "0.28.0"}

#: Deep paths that programs import and that are named differently here. Everything else is the same path under
#: the root. A key covers what lies below it; parents stand before their children.
PATHS = {
    "torch.autograd.grad_mode": "facula.autograd.mode",
    "torch.utils.data._utils": "facula.utils.data",
    "torch.utils.data._utils.worker": "facula.utils.data.workers",
    "torch.utils.data.dataloader": "facula.utils.data.loader",
}


def facula_name(name: str) -> str | None:
    """The Facula module that serves a name, whether or not it exists; None for a name that is not PyTorch's.

    >>> facula_name("torch.nn.functional"), facula_name("torchvision.transforms"), facula_name("torchaudio")
    ('facula.nn.functional', 'facula.vision.transforms', None)
    """
    prefix = name
    while prefix:
        target = PATHS.get(prefix) or ROOTS.get(prefix)
        if target is not None:
            return target + name[len(prefix) :]
        prefix = prefix.rpartition(".")[0]
    return None
