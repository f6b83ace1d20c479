"""Training folders."""

import os

import pytest

import facula
from facula.cli.errors import CommandError, UsageError
from facula.cli.runs import ARGS, COLUMNS, LAST, Run, create_run, find_run


def make(folder, when=None):
    folder.mkdir(parents=True)
    (folder / ARGS).write_text("{}")
    (folder / LAST).write_bytes(b"")
    if when is not None:
        os.utime(folder / LAST, (when, when))
    return folder


def test_numbers_are_taken_in_turn(tmp_path):
    (tmp_path / "mlp-2").mkdir()
    made = [create_run(str(tmp_path), None, "mlp").folder.name for _ in range(3)]
    assert made == ["mlp-1", "mlp-3", "mlp-4"]


def test_names(tmp_path):
    assert create_run(str(tmp_path / "new"), "mine", "mlp").folder == tmp_path / "new" / "mine"
    with pytest.raises(UsageError, match=r"is there already.*--resume"):
        create_run(str(tmp_path / "new"), "mine", "mlp")
    for name in ("", "..", "a/b", "a\\b"):
        with pytest.raises(UsageError, match="no folder name"):
            create_run(str(tmp_path), name, "mlp")


def test_out_that_is_a_file(tmp_path):
    (tmp_path / "runs").write_text("")
    with pytest.raises(CommandError, match="--out"):
        create_run(str(tmp_path / "runs"), None, "mlp")


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write everywhere")
def test_out_that_cannot_be_written(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(CommandError, match=r"cannot be written.*--out"):
        create_run(str(tmp_path), None, "mlp")


def test_find_by_folder_name_file_or_latest(tmp_path):
    out = str(tmp_path)
    old, new = make(tmp_path / "old", 1000), make(tmp_path / "new", 2000)
    assert find_run(str(old), "elsewhere").folder == old
    assert find_run("old", out).folder == old
    assert find_run(str(old / LAST), out).folder == old
    assert find_run(None, out).folder == new
    assert find_run("", out).folder == new


def test_find_says_what_there_is(tmp_path):
    with pytest.raises(CommandError, match="there is none in"):
        find_run("x", str(tmp_path))
    with pytest.raises(CommandError, match="no training in"):
        find_run(None, str(tmp_path))
    make(tmp_path / "a")
    with pytest.raises(CommandError, match=r"there are: a$"):
        find_run("x", str(tmp_path))
    (tmp_path / "empty").mkdir()
    with pytest.raises(CommandError, match=r"has no args\.json"):
        find_run("empty", str(tmp_path))


def test_results_are_replaced_as_a_whole(tmp_path):
    run = Run(tmp_path)
    rows = [dict.fromkeys(COLUMNS, index) for index in range(2)]
    run.write_results(rows)
    run.write_results(rows[:1])
    lines = (tmp_path / "results.csv").read_text().splitlines()
    assert lines == [",".join(COLUMNS), ",".join("0" * len(COLUMNS))]


def test_checkpoints_come_back(tmp_path):
    run = Run(tmp_path)
    run.save(LAST, {"x": facula.ones(2), "n": 3})
    stored = run.load(LAST)
    assert stored["n"] == 3
    assert stored["x"].tolist() == [1.0, 1.0]


def test_checkpoints_that_are_none(tmp_path):
    run = Run(tmp_path)
    with pytest.raises(CommandError, match="is not there"):
        run.load(LAST)
    facula.save({"x": 1}, tmp_path / LAST)
    with pytest.raises(CommandError, match="no checkpoint of `facula train`"):
        run.load(LAST)
    (tmp_path / LAST).write_bytes(b"nonsense")
    with pytest.raises(CommandError, match="cannot be read"):
        run.load(LAST)


@pytest.mark.parametrize("content", [b"{", b"[]", b"\xff"])
def test_json_that_is_none(tmp_path, content):
    (tmp_path / ARGS).write_bytes(content)
    with pytest.raises(CommandError):
        Run(tmp_path).read_json(ARGS)
