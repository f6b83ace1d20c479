"""The command as a whole: help, versions, exit codes, errors in one line."""

import pytest

import facula
from facula.cli import COMMANDS, main


def test_without_a_command_it_shows_the_help_and_fails(capsys):
    assert main([]) == 2
    shown = capsys.readouterr().out
    assert all(f"    {name} " in shown for name in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_help_has_its_command(capsys, command):
    assert main([command, "--help"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith(f"usage: facula {command}")
    assert "example" in shown or command == "run"


@pytest.mark.parametrize("command", ["train", "evaluate", "predict", "show"])
def test_helps_give_an_example_that_parses(capsys, command):
    main([command, "--help"])
    starts = (f"  facula {command}", f"example: facula {command}")
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith(starts)]
    examples = [line.split("facula ", 1)[1].split("  ")[0].split() for line in lines]
    assert examples
    from facula.cli import build_parser

    for words in examples:
        assert build_parser().parse_args(words).command == command


def test_version_is_one_line(capsys):
    assert main(["--version"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith(f"facula {facula.__version__}, Python ")
    assert shown.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["no-such-command"], "invalid choice: 'no-such-command'"),
        (["train", "--epochs", "0"], "a whole number of at least 1 is needed: got '0'"),
        (["train", "--epochs", "many"], "got 'many'"),
        (["train", "--lr", "nan"], "a number above 0 is needed: got 'nan'"),
        (["train", "--weight-decay", "-1"], "a number of at least 0 is needed"),
        (["train", "--no-such-option"], "unrecognized arguments: --no-such-option"),
        (["train", "--momentum", "0.5", "--optimizer", "adam"], "--momentum belongs to --optimizer sgd"),
        (["train", "--recipe", "tutorial", "--patience", "2"], "--patience needs a validation part"),
        (
            ["train", "--dataset", "drawn", "--train-size", "50", "--name", "a/b"],
            "--name 'a/b' is no folder name",
        ),
        (["train", "--resume", "x", "--lr", "0.1"], "--lr is settled when a training starts"),
        (["train", "--dataset", "drawn", "--data", "x"], "drawn images come from no folder"),
        (["predict", "x"], "the following arguments are required: IMAGE"),
    ],
)
def test_wrong_usage_is_one_line_and_code_2(capsys, words, part):
    assert main(words) == 2
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1
    assert captured.err.startswith("facula")
    assert ": error: " in captured.err
    assert part in captured.err


@pytest.mark.parametrize("command", [["evaluate", "nowhere"], ["predict", "nowhere", "x.png"]])
def test_failures_are_one_line_and_code_1(capsys, tmp_path, monkeypatch, command):
    monkeypatch.chdir(tmp_path)
    assert main(command) == 1
    error = capsys.readouterr().err
    assert error == (
        f"facula {command[0]}: error: there is no training nowhere: there is none in runs yet, "
        "so `facula train` first\n"
    )


def test_debug_raises(tmp_path):
    from facula.cli.errors import CommandError

    with pytest.raises(CommandError):
        main(["evaluate", str(tmp_path / "nowhere"), "--debug"])


def test_unexpected_errors_name_their_type(capsys, monkeypatch):
    from facula.cli import show

    def broken(args):
        raise LookupError("first line\nsecond line")

    monkeypatch.setattr(show, "show", broken)
    assert main(["show"]) == 1
    error = capsys.readouterr().err
    assert error == "facula show: error: LookupError: first line second line (--debug shows where)\n"


def test_ctrl_c_before_there_is_anything_to_save(capsys, monkeypatch):
    from facula.cli import show

    def interrupted(args):
        raise KeyboardInterrupt

    monkeypatch.setattr(show, "show", interrupted)
    assert main(["show"]) == 130
    assert capsys.readouterr().err == "facula show: stopped\n"


def test_python_m_facula(facula_process):
    done = facula_process("import runpy; runpy.run_module('facula', run_name='__main__')")
    assert done.returncode == 2
    assert done.stdout.startswith("usage: facula")


def test_a_closed_pipe_is_no_traceback(facula_process):
    script = (
        "import os, sys; r, w = os.pipe(); os.close(r); os.dup2(w, 1);"
        "from facula.cli import main; sys.exit(main(['show']))"
    )
    done = facula_process(script)
    assert done.returncode == 1
    assert done.stderr == ""
