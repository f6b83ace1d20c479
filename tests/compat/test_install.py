"""The import hook inside one process. Each test runs in a fresh Python: nothing leaks into the others."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest


def run(program: str, install: bool = True) -> str:
    """Run lines of Python in a new process, the hook installed, and return what they print."""
    head = "import sys, importlib, importlib.util, facula, facula.compat\n"
    if install:
        head += "facula.compat.install()\n"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", head + textwrap.dedent(program)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_one_identity_for_modules_and_classes() -> None:
    run("""
        import torch
        import torch.nn.functional as F
        from torch import nn
        from torch.utils.data import DataLoader
        import torch.optim as optim
        assert torch is facula and nn is facula.nn and F is facula.nn.functional
        assert nn.Linear is facula.nn.Linear and DataLoader is facula.utils.data.DataLoader
        assert optim.SGD is facula.optim.SGD
        for name in ("nn", "nn.functional", "utils.data", "optim"):
            assert sys.modules["torch." + name] is sys.modules["facula." + name], name
    """)


def test_attribute_access_reaches_submodules() -> None:
    run("""
        import torch
        assert torch.nn.functional is facula.nn.functional
        assert torch.utils.data.DataLoader is facula.utils.data.DataLoader
        assert torch.autograd.Function is facula.autograd.Function
        assert torch.optim.Adam is facula.optim.Adam
    """)


def test_torchvision_is_facula_vision() -> None:
    run("""
        import torchvision
        from torchvision import datasets, transforms
        from torchvision.transforms import Compose, Lambda, Normalize, ToTensor
        assert torchvision is facula.vision
        assert datasets is facula.vision.datasets and ToTensor is facula.vision.transforms.ToTensor
        assert sys.modules["torchvision"] is sys.modules["facula.vision"]
        import torchvision.transforms as again
        assert again is transforms is sys.modules["torchvision.transforms"]
    """)


def test_a_submodule_imported_natively_first_or_later_is_the_same() -> None:
    run("""
        import facula.vision.transforms as before
        import torch
        import torchvision.transforms
        assert torchvision.transforms is before
        import facula.vision.datasets.drawn as later
        import torchvision.datasets.drawn
        assert torchvision.datasets.drawn is later
    """)


#: PyTorch's module, a name in it, and where Facula publishes that name.
DEEP_PATHS = [
    ("torch.nn.modules.linear", "Linear", "nn.Linear"),
    ("torch.nn.modules.module", "Module", "nn.Module"),
    ("torch.nn.modules.container", "Sequential", "nn.Sequential"),
    ("torch.nn.modules.activation", "ReLU", "nn.ReLU"),
    ("torch.nn.modules.loss", "CrossEntropyLoss", "nn.CrossEntropyLoss"),
    ("torch.nn.modules.dropout", "Dropout", "nn.Dropout"),
    ("torch.nn.modules.flatten", "Flatten", "nn.Flatten"),
    ("torch.nn.parameter", "Parameter", "nn.Parameter"),
    ("torch.optim.sgd", "SGD", "optim.SGD"),
    ("torch.optim.adam", "Adam", "optim.Adam"),
    ("torch.optim.adamw", "AdamW", "optim.AdamW"),
    ("torch.optim.optimizer", "Optimizer", "optim.Optimizer"),
    ("torch.utils.data.dataloader", "DataLoader", "utils.data.DataLoader"),
    ("torch.utils.data.dataloader", "default_collate", "utils.data.default_collate"),
    ("torch.utils.data.dataset", "Dataset", "utils.data.Dataset"),
    ("torch.utils.data.dataset", "random_split", "utils.data.random_split"),
    ("torch.utils.data.sampler", "RandomSampler", "utils.data.RandomSampler"),
    ("torch.utils.data._utils.collate", "default_collate", "utils.data.default_collate"),
    ("torch.autograd.function", "Function", "autograd.Function"),
    ("torch.autograd.grad_mode", "no_grad", "no_grad"),
    ("torch.serialization", "save", "save"),
    ("torch.random", "manual_seed", "manual_seed"),
    ("torchvision.datasets.mnist", "FashionMNIST", "vision.datasets.FashionMNIST"),
    ("torchvision.transforms.transforms", "ToTensor", "vision.transforms.ToTensor"),
]


def test_deep_paths() -> None:
    run(f"""
        import operator
        for module, name, native in {DEEP_PATHS!r}:
            imported = importlib.import_module(module)
            thing = operator.attrgetter(native)(facula)
            assert getattr(imported, name) is thing, module
            root = sys.modules[module.split(".")[0]]  # also by attribute, from the root down
            assert operator.attrgetter(module.partition(".")[2] + "." + name)(root) is thing, module
    """)


def test_a_missing_submodule_says_that_facula_lacks_it() -> None:
    out = run("""
        for name in ("torch.distributed", "torch.nn.no_such", "torchvision.no_such", "torch.no.such"):
            try:
                importlib.import_module(name)
            except ModuleNotFoundError as error:
                print(error.name, "|", error)
        try:
            from torch import no_such_name
        except ImportError as error:
            print(error)
    """)
    lines = out.splitlines()
    assert lines[0].startswith("torch.distributed | No module named 'torch.distributed': facula ")
    assert all("does not have it" in line for line in lines[:4])
    assert "'facula'" in lines[4]


def test_the_import_machinery_stays_healthy() -> None:
    run("""
        import inspect, pkgutil
        find = importlib.util.find_spec
        assert find("torch").name == "torch"  # not imported yet
        assert find("torch").submodule_search_locations
        assert find("torch.distributed") is None and find("torchvision.no_such") is None
        assert find("torchaudio") is None
        before = {n: (m.__name__, m.__spec__, m.__loader__, m.__package__)
                  for n, m in sys.modules.items() if n.startswith("facula")}
        import torch, torch.nn.functional, torch.utils.data, torch.optim, torch.autograd.function
        for n, kept in before.items():
            m = sys.modules[n]
            assert (m.__name__, m.__spec__, m.__loader__, m.__package__) == kept, n
        assert torch.__name__ == torch.__spec__.name == "facula"
        assert torch.nn.functional.__spec__.name == "facula.nn.functional"
        assert find("torch") is facula.__spec__  # now it is
        assert torch.nn.Linear.__module__.startswith("facula.")
        assert "class Linear" in inspect.getsource(torch.nn.Linear)
        assert inspect.getmodule(torch.nn.Linear).__name__ == torch.nn.Linear.__module__
        assert "torch.nn" in {m.name for m in pkgutil.iter_modules(torch.__path__, "torch.")}
        import torch.nn.init
        assert importlib.reload(torch.nn.init) is facula.nn.init is sys.modules["torch.nn.init"]
    """)


def test_a_spec_used_by_hand_gives_a_module_that_answers() -> None:
    run("""
        spec = importlib.util.find_spec("torch.nn")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        assert module.Linear is facula.nn.Linear and sys.modules["torch.nn"] is facula.nn
        assert facula.nn.__spec__.name == "facula.nn"
    """)


def test_every_submodule_is_served_and_no_attribute_changes() -> None:
    run("""
        import pkgutil
        import torch
        def attributes():
            return {(n, a): v for n, m in list(sys.modules.items()) if n.split(".")[0] == "facula"
                    for a, v in vars(m).items() if a != "__builtins__"}
        before = attributes()
        count = 0
        for found in pkgutil.walk_packages(facula.__path__, "facula."):
            if found.name.split(".")[1] in ("__main__", "_C", "cli", "compat"):
                continue
            alias = "torch" + found.name.removeprefix("facula")
            assert importlib.import_module(alias) is sys.modules[alias] is sys.modules[found.name], alias
            count += 1
        assert count > 50
        after = attributes()
        assert [key for key, value in before.items() if after[key] is not value] == []
    """)


def test_names_print_as_torch_only_while_installed() -> None:
    out = run("""
        import torch
        print(torch.float32, torch.ones(3, 4).shape, torch.ones(1, dtype=torch.float64))
        facula.compat.uninstall()
        print(facula.float32, facula.ones(3, 4).shape, facula.ones(1, dtype=facula.float64))
    """)
    assert out.splitlines() == [
        "torch.float32 torch.Size([3, 4]) tensor([1.], dtype=torch.float64)",
        "facula.float32 facula.Size([3, 4]) tensor([1.], dtype=facula.float64)",
    ]


def test_version_under_the_hook_is_the_release_that_is_followed() -> None:
    out = run("""
        native = facula.__version__
        import torch, torchvision
        assert tuple(int(part) for part in torch.__version__.split("+")[0].split(".")) >= (2, 0, 0)
        print(torch.__version__.replace(native, "X"), torchvision.__version__.replace(native, "X"))
        facula.compat.uninstall()
        assert facula.__version__ == native
    """)
    assert out.split() == ["2.13.0+faculaX", "0.28.0+faculaX"]


def test_pickles_keep_the_native_names() -> None:
    run("""
        import pickle, torch
        data = pickle.dumps([torch.nn.Linear, torch.utils.data.DataLoader])
        assert b"facula" in data and b"torch" not in data
        assert pickle.loads(data) == [facula.nn.Linear, facula.utils.data.DataLoader]
    """)


def test_uninstall_leaves_nothing_behind() -> None:
    run("""
        facula.compat.uninstall()
        import facula.vision
        path = list(sys.meta_path)
        facula.compat.install()
        facula.compat.install()
        assert len(sys.meta_path) == len(path) + 1 and facula.compat.is_installed()
        import torch.utils.data.dataloader, torchvision.transforms
        assert "dataloader" in vars(facula.utils.data)
        facula.compat.uninstall()
        assert "dataloader" not in vars(facula.utils.data)
        facula.compat.uninstall()
        assert sys.meta_path == path and not facula.compat.is_installed()
        assert not [name for name in sys.modules if name.split(".")[0] in ("torch", "torchvision")]
        assert not hasattr(facula.vision, "__version__") or "+" not in facula.vision.__version__
        facula.compat.install()
        import torch
        assert torch is facula
    """)


@pytest.mark.parametrize("root", ["torch", "torchvision"])
def test_it_refuses_when_another_torch_is_imported(root: str) -> None:
    out = run(
        f"""
        import types
        sys.modules[{root!r}] = types.ModuleType({root!r})
        sys.modules[{root!r}].__file__ = "/elsewhere/__init__.py"
        try:
            facula.compat.install()
        except RuntimeError as error:
            print(error)
        assert not facula.compat.is_installed() and sys.modules[{root!r}] is not facula
        """,
        install=False,
    )
    assert f"'{root}' from /elsewhere/__init__.py" in out


def test_without_install_the_names_are_not_served() -> None:
    run(
        """
        import facula.vision
        assert not any(name.split(".")[0] in ("torch", "torchvision") for name in sys.modules)
        assert not any("facula.compat" in type(finder).__module__ for finder in sys.meta_path)
        """,
        install=False,
    )
