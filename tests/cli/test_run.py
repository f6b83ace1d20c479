"""`facula run` behaves as `python` does, but for what `import torch` gives."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
import zipfile
from pathlib import Path

import pytest

import facula

#: Child processes find the package that is tested, installed or not.
ENVIRONMENT = {
    **os.environ,
    "PYTHONPATH": os.pathsep.join(
        filter(None, [str(Path(facula.__file__).parents[1]), os.environ.get("PYTHONPATH")])
    ),
}


def run(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "facula", "run", *words],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=cwd,
        env=ENVIRONMENT,
    )


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(textwrap.dedent(text))
    return path


def test_script_arguments_and_what_main_holds(tmp_path: Path) -> None:
    write(tmp_path / "sub" / "neighbour.py", "value = 7\n")
    write(
        tmp_path / "sub" / "program.py",
        """
        import __main__, os, sys
        import neighbour
        import torch
        print(sys.argv)
        print(__name__, os.path.isabs(__file__), os.path.basename(__file__), __spec__, __package__)
        print(os.path.basename(sys.path[0]), neighbour.value, __main__.neighbour is neighbour, torch.__name__)
        """,
    )
    done = run("sub/program.py", "--epochs", "3", "-m", "x", "--", "-h", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "['sub/program.py', '--epochs', '3', '-m', 'x', '--', '-h']",
        "__main__ True program.py None None",
        "sub 7 True facula",
    ]


def test_module(tmp_path: Path) -> None:
    write(tmp_path / "package" / "__init__.py", "")
    write(
        tmp_path / "package" / "program.py",
        """
        import os, sys, torch
        print(__name__, __spec__.name, os.path.basename(sys.argv[0]), sys.argv[1:], torch.__name__)
        """,
    )
    done = run("-m", "package.program", "-x", "1", cwd=tmp_path)
    assert done.stdout.strip() == "__main__ package.program program.py ['-x', '1'] facula", done.stderr


def test_code(tmp_path: Path) -> None:
    done = run("-c", "import sys, torch; print(sys.argv, __name__, torch.__name__)", "--flag", cwd=tmp_path)
    assert done.stdout.strip() == "['-c', '--flag'] __main__ facula", done.stderr


def test_folder_and_archive(tmp_path: Path) -> None:
    write(tmp_path / "app" / "__main__.py", "import helper, torch; print(helper.word, torch.__name__)\n")
    write(tmp_path / "app" / "helper.py", "word = 'hello'\n")
    with zipfile.ZipFile(tmp_path / "app.pyz", "w") as archive:
        for name in ("__main__.py", "helper.py"):
            archive.write(tmp_path / "app" / name, name)
    for name in ("app", "app.pyz"):
        done = run(name, cwd=tmp_path)
        assert done.stdout.strip() == "hello facula", done.stderr


@pytest.mark.parametrize(
    ("program", "code", "words"),
    [
        ("import sys; sys.exit(5)", 5, ""),
        ("raise SystemExit", 0, ""),
        ("import sys; sys.exit('so long')", 1, "so long"),
        ("print(1", 1, "SyntaxError"),
        ("raise KeyboardInterrupt", 130, "KeyboardInterrupt"),
    ],
)
def test_exit_codes(tmp_path: Path, program: str, code: int, words: str) -> None:
    write(tmp_path / "program.py", program + "\n")
    done = run("program.py", cwd=tmp_path)
    assert (done.returncode, words in done.stderr) == (code, True), done.stderr


def test_a_traceback_shows_the_program_only(tmp_path: Path) -> None:
    program = "def broken():\n    return 1 / 0\n\nbroken()\n"
    write(tmp_path / "program.py", program)
    write(tmp_path / "package.py", program)
    plain = subprocess.run(
        [sys.executable, str(tmp_path / "program.py")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    ours = run("program.py", cwd=tmp_path)
    assert (ours.returncode, ours.stderr) == (1, plain.stderr)
    for words in (("-m", "package"), ("-c", program)):
        done = run(*words, cwd=tmp_path)
        assert done.returncode == 1
        assert done.stderr.startswith("Traceback")
        assert done.stderr.endswith("ZeroDivisionError: division by zero\n")
        assert "facula" not in done.stderr.replace(str(tmp_path), "") and "runpy" not in done.stderr


def test_exit_handlers_and_threads_see_the_program(tmp_path: Path) -> None:
    write(
        tmp_path / "program.py",
        """
        import atexit, pickle, threading, time
        class Thing:
            pass
        def late():
            time.sleep(0.2)
            print("thread", len(pickle.dumps(Thing())) > 0)
        atexit.register(lambda: print("exit", type(pickle.loads(pickle.dumps(Thing()))) is Thing))
        threading.Thread(target=late).start()
        """,
    )
    done = run("program.py", cwd=tmp_path)
    assert done.stdout.split() == ["thread", "True", "exit", "True"], done.stderr


def test_ctrl_c(tmp_path: Path) -> None:
    write(tmp_path / "program.py", "import time\nprint('ready', flush=True)\ntime.sleep(30)\n")
    process = subprocess.Popen(
        [sys.executable, "-m", "facula", "run", "program.py"],
        cwd=tmp_path,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "KeyboardInterrupt" in errors and "program.py" in errors and "cli" not in errors


def test_wrong_usage(tmp_path: Path) -> None:
    for words, message in (
        ((), "missing"),
        (("-m",), "missing"),
        (("--what",), "unknown option --what"),
        (("no_such.py",), "cannot open 'no_such.py'"),
    ):
        done = run(*words, cwd=tmp_path)
        assert (done.returncode, message in done.stderr) == (2, True), (words, done.stderr)
    done = run("-h", cwd=tmp_path)
    assert done.returncode == 0 and "-m MODULE" in done.stdout
