"""The custodian's round for the ledger: complete, signed, copied; what is not well is a finding."""

import threading
from pathlib import Path

from storage.findings import Findings, Kind
from storage.ledger.replica import replica_folder
from storage.volume import find_volume
from tests.storage.house import Recorder, key, open_store, settings
from vms.app.ledger_duty import LedgerDuty
from vms.app.site import open_site
from vms.core.clock import SECOND, FakeClock
from vms.core.config_storage import LedgerSettings

GATE = key("gate")


def test_a_round_signs_copies_and_tells_of_a_replica_that_disagrees(tmp_path: Path) -> None:
    clock = FakeClock()
    with open_store(tmp_path, clock) as store:
        recorder = Recorder(store, clock, GATE)
        for _ in range(8):
            clock.advance(SECOND)
            recorder.step()
        store.pump()
    house = settings(tmp_path)
    assert find_volume(tmp_path / "video") is not None
    with open_site(house, clock) as site:
        duty, findings = LedgerDuty(site), Findings(site.engine, clock)
        duty.work(threading.Event())
        file = replica_folder(tmp_path / "video") / "leaves" / "000000000.jsonl"
        assert file.read_bytes().count(b"\n") == site.ledger.size() == 4
        assert findings.open() == []
        told = file.read_bytes()
        file.write_bytes(told.replace(b'"frames":15', b'"frames":14', 1))
        site.ledger.rotate()
        duty.work(threading.Event())
        (found,) = findings.open()
        assert (found.kind, found.subject) == (Kind.LEDGER_DAMAGED, str(tmp_path / "video"))
        file.write_bytes(told)
        duty.work(threading.Event())
        assert findings.open() == []


def test_an_authority_that_is_away_is_a_finding_once_it_is_late(tmp_path: Path) -> None:
    clock = FakeClock()
    ledger = LedgerSettings(authority="http://127.0.0.1:9/", every=60 * SECOND)
    (tmp_path / "video").mkdir()
    house = settings(tmp_path).model_copy(update={"ledger": ledger})
    with open_site(house, clock) as site:
        duty, findings = LedgerDuty(site), Findings(site.engine, clock)
        for round_ in range(3):
            assert findings.open(Kind.STAMP_LATE) == []
            site.ledger.rotate()
            clock.advance(3_600 * SECOND)
            duty.work(threading.Event())
            assert len(site.ledger.stamps(ledger).waiting()) == round_ + 1
        assert len(findings.open(Kind.STAMP_LATE)) == 1
