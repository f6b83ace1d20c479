"""`facula show`."""

import numpy

import facula
from facula.cli import main
from facula.cli.versions import distribution_version, versions


def test_show_names_versions_and_devices(capsys):
    assert main(["show"]) == 0
    shown = capsys.readouterr().out
    assert f"facula      {facula.__version__}" in shown
    assert f"numpy       {numpy.__version__}" in shown
    assert "kernels " in shown
    assert "device      cpu: " in shown


def test_show_says_what_is_missing_and_how_to_get_it(capsys, monkeypatch):
    from facula.cli import versions as module

    monkeypatch.setattr(module, "distribution_version", lambda name: None)
    main(["show"])
    assert "tqdm        not installed (pip install tqdm): progress bar" in capsys.readouterr().out


def test_versions_are_plain_text():
    assert all(isinstance(text, str) for text in versions().values())
    assert distribution_version("there-is-no-such-distribution") is None
