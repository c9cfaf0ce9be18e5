"""Footage of many pieces, and footage that is still being written, is handed out as it is."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.evidence.house import GATE, START, Site
from tests.storage.encoded import coded, fragments
from vms.core.secret import Secret
from vms.evidence import clip
from vms.evidence.ahead import DEPTH
from vms.evidence.packing import Member
from vms.evidence.verification import verify_package


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pieces so small that a segment has many times as many as wait, and a writer behind them."""
    monkeypatch.setattr(clip, "PIECE", 128)
    write = Member.write

    def slowly(self: Member, data: bytes | memoryview) -> None:
        time.sleep(0.001)
        write(self, data)

    monkeypatch.setattr(Member, "write", slowly)


@pytest.mark.parametrize("password", [None, "geheim"])
def test_the_end_of_a_segment_stays_what_it_was_while_the_next_is_hashed(
    tmp_path: Path, slow: None, password: str | None
) -> None:
    site = Site(tmp_path)
    stream = coded()
    assert sum(len(sample.data) for sample in stream.video) > (DEPTH + 2) * 2 * clip.PIECE
    for _ in range(3):
        site.record(stream)
    site.export(1.0, 10.5, tmp_path / "o.zip", password=password, printed=False)
    verified = verify_package(tmp_path / "o.zip", Secret(password) if password else None)
    assert verified.good, verified.findings
    site.close()


def test_a_segment_that_closes_while_the_package_begins_is_no_reproach(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Listed while it was written, then closed and in the ledger before its checkpoint."""
    site = Site(tmp_path)
    stream = coded()
    site.record(stream)
    writing = site.store.open_segment(GATE, site.at, stream.format, site.run)
    first, *others = fragments(stream)
    assert writing.append(first)
    site.store.pump()
    site.pass_by(1)
    exporter = site.exporter(printed=False)
    checkpoint = site.ledger.checkpoint

    def closes() -> str:
        for fragment in others:
            assert writing.append(fragment)
        site.pass_by(3)
        writing.close(site.at)
        site.store.pump()
        exporter.house.places(GATE, START, site.at)  # its leaf
        return checkpoint()

    monkeypatch.setattr(site.ledger, "checkpoint", closes)
    exporter.run(site.order(0.5, 4.8), tmp_path / "o.zip")
    verified = verify_package(tmp_path / "o.zip")
    assert verified.good, verified.findings
    site.close()
