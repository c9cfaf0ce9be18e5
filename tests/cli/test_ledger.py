"""`vms ledger`: heads that are kept elsewhere, leaves, keys; exit codes."""

from __future__ import annotations

import json
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from storage.ledger.note import Checkpoint, Verifier, open_note
from tests.cli.test_commands import vms
from tests.cli.test_storage import config, footage
from vms.core.clock import parse_rfc3339

__all__ = ["config", "footage"]
pytestmark = pytest.mark.usefixtures("footage")


def ledger(config: Path, *words: str, expect: int = 0) -> subprocess.CompletedProcess[str]:
    done = vms("ledger", *words, "--config", str(config))
    assert done.returncode == expect, done.stderr
    return done


def test_the_head_is_a_signed_note_and_a_kept_one_holds(config: Path, tmp_path: Path) -> None:
    head = ledger(config, "checkpoint").stdout
    key = Verifier.parse(ledger(config, "key").stdout)
    assert Checkpoint.parse(open_note(head, [key])[0]).size == 4  # three segments and the key
    kept = tmp_path / "kept.txt"
    kept.write_text(head)
    assert "only grew" in ledger(config, "checkpoint", "--against", str(kept)).stdout
    ledger(config, "rotate")
    facts = json.loads(ledger(config, "checkpoint", "--against", str(kept), "--json").stdout)
    assert facts["holds"] is True
    assert facts["size"] == 6  # the new key, and the entry of who asked for it
    assert len(facts["root"]) == 64
    assert facts["stamped"] is None


def test_a_rewritten_or_cut_ledger_does_not_hold(config: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept.txt"
    kept.write_text(ledger(config, "checkpoint").stdout)
    file = config.parent / "ledger" / "leaves" / "000000000.jsonl"
    good = file.read_bytes()
    file.write_bytes(good.replace(b'"frames":15', b'"frames":14', 1))
    told = ledger(config, "checkpoint", "--against", str(kept), expect=1)
    assert "rewritten" in told.stdout
    file.write_bytes(good[: good.index(b"\n") + 1])
    told = ledger(config, "checkpoint", "--against", str(kept), "--json", expect=1)
    assert "cut" in json.loads(told.stdout)["wrong"]


def test_a_head_of_another_ledger_and_what_is_no_head(config: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept.txt"
    kept.write_text(
        "example.com/foo\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n— x AAAAAAAAAAAA\n"
    )
    assert "not one of" in ledger(config, "checkpoint", "--against", str(kept), expect=1).stdout
    kept.write_text("nonsense")
    for source in (kept, tmp_path / "nowhere"):
        told = ledger(config, "checkpoint", "--against", str(source), expect=2)
        assert str(source) in told.stderr


def test_leaves_are_listed_by_camera_and_time(config: Path) -> None:
    ledger(config, "checkpoint")
    found = json.loads(ledger(config, "show", "--json").stdout)
    assert [one["kind"] for one in found] == ["segment"] * 3 + ["key"]
    assert [one["place"] for one in found] == [0, 1, 2, 3]
    for one in found:
        leaf = json.loads(one["leaf"])  # what is hashed, with its nanoseconds
        for name in leaf.keys() & {"start", "end", "at"}:
            assert parse_rfc3339(one[name]) == leaf[name]
    assert len(json.loads(ledger(config, "show", "--camera", "gate", "--json").stdout)) == 3
    assert json.loads(ledger(config, "show", "--camera", "gat", "--json").stdout) == []
    at = "2025-11-22T08:26:44Z"
    span = json.loads(ledger(config, "show", "--from", at, "--to", at[:-2] + "5Z", "--json").stdout)
    assert [one["place"] for one in span] == [1]
    assert "gate/main" in ledger(config, "show").stdout


def test_keys_are_told_and_rotated(config: Path) -> None:
    first = ledger(config, "key").stdout.strip()
    told = json.loads(ledger(config, "rotate", "--json").stdout)
    assert told["earlier"] == [first]
    assert ledger(config, "key").stdout.split() == [first, told["key"]]


def test_verify_holds_the_archive_against_the_ledger_and_a_kept_head(
    config: Path, tmp_path: Path
) -> None:
    kept = tmp_path / "kept.txt"
    kept.write_text(ledger(config, "checkpoint").stdout)
    well = vms("verify", "--against", str(kept), config=config)
    assert (well.returncode, well.stdout) == (0, "All is well.\n")
    with closing(sqlite3.connect(config.parent / "gozcu.db")) as database:
        (start,) = database.execute("SELECT min(start) FROM segment").fetchone()
        database.execute("UPDATE segment SET frames = 14 WHERE start = ?", (start,))
        database.commit()
    told = vms("verify", "--json", config=config)
    assert told.returncode == 1
    (found,) = json.loads(told.stdout)
    assert (found["segment"], found["kind"]) == (f"gate.main.{start}", "row_changed")
    assert "frames 14 instead of 15" in found["detail"]
    assert vms("verify", "--against", str(config), config=config).returncode == 2
