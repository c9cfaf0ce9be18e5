"""`vms storage`: what it prints, and its exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from recorder.claim import sole_recorder
from storage.database import open_database
from storage.facts import SegmentFacts
from storage.findings import Findings, Kind
from tests.cli.test_commands import vms
from tests.storage.house import Recorder, key, open_archive, open_store
from vms.core.clock import SECOND, FakeClock, Instant
from vms.core.config_file import load_settings

GATE = key("gate")


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "cameras.toml"
    file.write_text('[system]\ndata = "."\n[[volumes]]\npath = "video"\nreserve = "0 GB"\n')
    return file


@pytest.fixture
def footage(config: Path) -> list[SegmentFacts]:
    clock = FakeClock()
    with open_store(config.parent, clock) as store:
        store.recover([GATE])
        recorder = Recorder(store, clock, GATE)
        for _ in range(9):
            clock.advance(SECOND)
            recorder.step()
        store.pump()
    return open_archive(config.parent, clock).segments(GATE, Instant(0), Instant(2**62))


def test_a_check_tells_what_it_read_and_what_it_found(
    config: Path, footage: list[SegmentFacts]
) -> None:
    well = vms("storage", "check", config=config)
    assert (well.returncode, well.stdout) == (0, "All is well.\n")
    assert well.stderr.startswith(f"{len(footage)} files, ")
    assert "MB/s" in well.stderr
    data = bytearray(footage[1].path.read_bytes())
    data[-1] ^= 1
    footage[1].path.write_bytes(data)
    assert vms("storage", "check", "--level", "size", config=config).returncode == 0
    found = vms("storage", "check", "--level", "hash", "--json", config=config)
    told = json.loads(found.stdout)
    assert found.returncode == 1
    assert [(one["segment"], one["kind"]) for one in told["findings"]] == [
        (footage[1].id, "footage_damaged")
    ]
    assert (told["files"], told["bytes"]) == (len(footage), sum(one.size for one in footage))
    wrong = vms("storage", "check", "--level", "deep", config=config)
    assert (wrong.returncode, "presence, size, hash" in wrong.stderr) == (2, True)


def test_findings_are_listed(config: Path, footage: list[SegmentFacts]) -> None:
    assert json.loads(vms("storage", "findings", "--json", config=config).stdout) == []
    kept = Findings(open_database(f"sqlite:///{config.parent}/gozcu.db"), FakeClock())
    kept.report(Kind.FOOTAGE_DAMAGED, footage[0].id, "SHA-256")
    kept.report(Kind.VOLUME_FULL, "/video", "4 GB left")
    kept.well(Kind.VOLUME_FULL, "/video")
    (one,) = json.loads(vms("storage", "findings", "--json", config=config).stdout)
    assert (one["kind"], one["subject"]) == ("footage_damaged", footage[0].id)
    assert set(one) == {"kind", "subject", "detail", "first", "last", "gone"}
    everything = vms("storage", "findings", "--all", config=config).stdout
    assert "volume_full" in everything


def test_a_lost_database_is_rebuilt_and_then_all_is_well(
    config: Path, footage: list[SegmentFacts]
) -> None:
    for file in config.parent.glob("gozcu.db*"):
        file.unlink()
    rebuilt = vms("storage", "rebuild", "--json", config=config)
    told = json.loads(rebuilt.stdout)
    assert (rebuilt.returncode, told["segments"], told["findings"]) == (0, len(footage), [])
    assert vms("storage", "check", config=config).stdout == "All is well.\n"
    assert vms("storage", "rebuild", "--level", "presence", config=config).returncode == 2


def test_nothing_is_rebuilt_under_a_running_recorder(
    config: Path, footage: list[SegmentFacts]
) -> None:
    settings = load_settings(config)
    settings.make_run_dirs()
    with sole_recorder(settings):
        refused = vms("storage", "rebuild", config=config)
    assert (refused.returncode, "already runs" in refused.stderr) == (1, True)
