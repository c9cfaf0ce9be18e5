"""The bar of long commands: for a person at a terminal, and for nobody else."""

from __future__ import annotations

import io
import sys

import pytest

from vms.cli.checking import Checked, sentence
from vms.cli.progress import progress_bar


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def terminal_of(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Stderr from now on; no fixture, because what is captured changes once a test begins."""
    shown = Terminal()
    monkeypatch.setattr(sys, "stderr", shown)
    monkeypatch.setenv("TERM", "xterm")
    return shown


def test_a_terminal_shows_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = terminal_of(monkeypatch)
    with progress_bar("Verifying", 2_000_000) as advance:
        checked = Checked(advance)
        checked(1, 1_000_000)
        checked(1, 1_000_000)
    assert "Verifying" in terminal.getvalue()
    assert "2.0/2.0 MB" in terminal.getvalue()
    assert (checked.files, checked.bytes) == (2, 2_000_000)


def test_what_is_printed_meanwhile_stays_in_its_file(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = terminal_of(monkeypatch)
    file = io.StringIO()
    monkeypatch.setattr(sys, "stdout", file)
    with progress_bar("Checking", 10) as advance:
        print("gate.main.1: footage_damaged: SHA-256")
        advance(10)
    assert file.getvalue() == "gate.main.1: footage_damaged: SHA-256\n"
    assert "Checking" in terminal.getvalue()
    assert "footage_damaged" not in terminal.getvalue()


def test_who_asks_for_json_sees_no_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = terminal_of(monkeypatch)
    with progress_bar("Verifying", 10, quiet=True) as advance:
        advance(10)
    assert terminal.getvalue() == ""


def test_nobody_at_a_terminal_sees_no_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = io.StringIO()
    monkeypatch.setattr(sys, "stderr", shown)
    with progress_bar("Verifying", 10) as advance:
        advance(10)
    assert shown.getvalue() == ""


def test_a_check_ends_with_one_sentence() -> None:
    assert sentence(0) == "All is well."
    assert sentence(1) == "Not all is well: 1 finding."
    assert sentence(1_200) == "Not all is well: 1,200 findings."
