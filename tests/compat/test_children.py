"""Programs whose child processes import torch, run by `facula run`."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

WHICH = "import torch; print(torch.__name__, torch.float32)"


def run(folder: Path, program: str, **environment: str) -> str:
    script = folder / "program.py"
    script.write_text(textwrap.dedent(program))
    done = subprocess.run(
        [sys.executable, "-m", "facula", "run", str(script)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, **environment},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("method", ["spawn", "fork", "forkserver"])
def test_multiprocessing(tmp_path: Path, method: str) -> None:
    out = run(
        tmp_path,
        f"""
        import multiprocessing
        import torch

        def work(tensor):
            return type(tensor).__module__.split(".")[0], str(tensor.dtype), tensor.sum().item()

        if __name__ == "__main__":
            with multiprocessing.get_context({method!r}).Pool(1) as pool:
                print(pool.apply(work, (torch.ones(3),)))
        """,
    )
    assert out.strip() == "('facula', 'torch.float32', 3.0)"


def test_subprocess_and_its_own_child(tmp_path: Path) -> None:
    out = run(
        tmp_path,
        f"""
        import subprocess, sys
        child = {WHICH!r}
        subprocess.run([sys.executable, "-c", child], check=True)
        nested = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {{child!r}}], check=True)"
        subprocess.run([sys.executable, "-c", nested], check=True)
        """,
    )
    assert out.split() == ["facula", "torch.float32"] * 2


def test_a_child_that_does_not_import_torch_loads_nothing(tmp_path: Path) -> None:
    out = run(
        tmp_path,
        """
        import subprocess, sys
        child = "import sys; print('facula' in sys.modules, 'numpy' in sys.modules, sys.path)"
        subprocess.run([sys.executable, "-c", child], check=True)
        """,
    )
    assert out.startswith("False False")
    assert "startup" not in out


def test_an_existing_sitecustomize_still_runs(tmp_path: Path) -> None:
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text("import sys\nsys.was_here = __file__\n")
    path = os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    out = run(
        tmp_path,
        """
        import subprocess, sys
        child = "import sys, sitecustomize as s; print(sys.was_here == s.__file__); "
        child += "import torch; print(torch.__name__, torch.float32)"
        subprocess.run([sys.executable, "-c", child], check=True)
        """,
        PYTHONPATH=path,
    )
    assert out.split() == ["True", "facula", "torch.float32"]


def test_another_environment_is_left_alone(tmp_path: Path) -> None:
    """The variable names the environment it is for, so a child of another one finds its own torch."""
    (tmp_path / "torch.py").write_text("")
    out = run(
        tmp_path,
        f"""
        import os, subprocess, sys
        os.environ["FACULA_COMPAT"] = "/some/other/environment"
        child = "import torch; print(torch.__name__)"
        subprocess.run([sys.executable, "-c", child], check=True, cwd={str(tmp_path)!r})
        """,
    )
    assert out.split() == ["torch"]


def test_uninstall_takes_the_environment_back(tmp_path: Path) -> None:
    out = run(
        tmp_path,
        """
        import os
        import facula.compat
        assert "startup" in os.environ["PYTHONPATH"] and "FACULA_COMPAT" in os.environ
        facula.compat.uninstall()
        print("FACULA_COMPAT" in os.environ, os.environ.get("PYTHONPATH", ""))
        """,
    )
    assert out.strip() == f"False {os.environ.get('PYTHONPATH', '')}".strip()
