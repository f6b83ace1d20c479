"""Run by Python at the start of a child of `facula run`; see `facula.compat.children`.

Nothing of Facula is imported here: most children never need it, and a start must not fail because of it.
"""

import importlib.util
import os
import sys
from importlib.abc import MetaPathFinder
from importlib.machinery import PathFinder

_HERE = os.path.dirname(os.path.abspath(__file__))


class _InstallAtFirstImport(MetaPathFinder):
    """Stands in for the real finder until `torch` or `torchvision` is imported for the first time."""

    def find_spec(self, fullname, path=None, target=None):
        if fullname not in ("torch", "torchvision"):
            return None
        sys.meta_path.remove(self)
        if importlib.util.find_spec("facula") is None:
            # The parent had Facula from a folder that only its own sys.path named.
            sys.path.append(os.path.dirname(os.path.dirname(os.path.dirname(_HERE))))
        import facula.compat

        facula.compat.install(children=True)
        return importlib.util.find_spec(fullname)


def _run_the_next_one():
    """Run the `sitecustomize` that this one hides."""
    spec = PathFinder.find_spec("sitecustomize", sys.path)
    if spec is not None and spec.loader is not None:
        module = importlib.util.module_from_spec(spec)
        sys.modules["sitecustomize"] = module
        spec.loader.exec_module(module)


def _start():
    sys.path[:] = [folder for folder in sys.path if os.path.abspath(folder) != _HERE]
    if os.environ.get("FACULA_COMPAT") == sys.prefix:
        sys.meta_path.insert(0, _InstallAtFirstImport())
    _run_the_next_one()


if __name__ == "sitecustomize":
    _start()
