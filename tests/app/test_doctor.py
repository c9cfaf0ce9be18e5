"""The doctor finds what a machine lacks, says what to do, and changes nothing."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from tests.cli.house import SETTINGS
from vms.app.doctor import diagnosis, probes
from vms.app.doctor.diagnosis import Diagnosis, DiskSpeed, Level
from vms.app.doctor.examination import examine
from vms.app.site import open_site
from vms.cameras.charts import write_charts
from vms.cameras.health.checks import Chart, Check, Reading
from vms.cli import run
from vms.core.clock import MILLISECOND, SECOND, FakeClock, Span
from vms.core.config import Settings
from vms.core.config_file import load_settings
from vms.core.status import WorkerStatus, status_path, write_status

SHORT = Span(MILLISECOND)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    file = tmp_path / "cameras.toml"
    file.write_text(SETTINGS + f'\n[web]\nlisten = "127.0.0.1:{port}"\n')
    return file


@pytest.fixture
def site(config: Path) -> Settings:
    return load_settings(config)


def examined(settings: Settings, clock: FakeClock | None = None) -> dict[str, Diagnosis]:
    return {one.check: one for one in examine(settings, clock or FakeClock(), SHORT)}


def folder_of(settings: Settings) -> set[Path]:
    return set(settings.file.parent.rglob("*"))


def test_what_is_not_well_has_a_remedy() -> None:
    with pytest.raises(ValueError, match="nobody is told"):
        Diagnosis("clock", Level.WARN, "it is wrong")


@pytest.mark.parametrize(
    ("found", "level"),
    [
        (diagnosis.clock(False, None), Level.WARN),
        (diagnosis.clock(True, 3 * SECOND), Level.WARN),
        (diagnosis.clock(True, 2 * MILLISECOND), Level.OK),
        (diagnosis.disk("v", DiskSpeed(1e6, SHORT), 4), Level.FAIL),
        (diagnosis.disk("v", DiskSpeed(3e6, SHORT), 4), Level.WARN),
        (diagnosis.disk("v", DiskSpeed(4e6, SHORT), 4), Level.OK),
        (diagnosis.disk("v", DiskSpeed(4e7, SECOND), 4), Level.WARN),
        (diagnosis.room("v", 50, 100, 20), Level.OK),
        (diagnosis.room("v", 5, 100, 20), Level.WARN),
        (diagnosis.room("v", 50, 100, 100), Level.FAIL),
        (diagnosis.open_files(1_024, 60), Level.OK),
        (diagnosis.open_files(1_024, 100), Level.FAIL),
        (diagnosis.receive_buffer(2**20, 2**20, 0), Level.OK),
        (diagnosis.receive_buffer(2**18, 2**20, 2**22), Level.OK),
        (diagnosis.receive_buffer(2**18, 2**20, 2**18), Level.WARN),
        (diagnosis.memory(10**9, 2 * 10**9, 10, 0), Level.OK),
        (diagnosis.memory(10**8, 2 * 10**9, 10, 0), Level.WARN),
        (diagnosis.memory(10**9, 2 * 10**9, 10, 2 * 10**9), Level.FAIL),
        (diagnosis.cores(2, 200), Level.OK),
        (diagnosis.cores(2, 201), Level.WARN),
    ],
)
def test_measures_are_held_against_what_is_needed(found: Diagnosis, level: Level) -> None:
    assert found.level is level


def test_a_disk_is_told_in_cameras_of_4_mbit_s() -> None:
    found = diagnosis.disk("v", DiskSpeed(100e6, SHORT), 50)
    assert found.sentence == "100 MB/s beside what runs now: 100 cameras of 4 Mbit/s"


def test_a_machine_before_its_first_start_is_left_as_it_is(site: Settings) -> None:
    before = folder_of(site)
    found = examined(site)
    assert folder_of(site) == before
    assert found["system"].sentence == "it does not run"
    for check in ("database", "ledger key", "port", "versions"):
        assert found[check].level is not Level.FAIL
    assert all(one.remedy for one in found.values() if one.level is not Level.OK)


def test_a_site_in_use_is_well_and_its_cameras_are_counted(site: Settings) -> None:
    clock = FakeClock()
    with open_site(site, clock) as opened:
        opened.registry.apply(site.cameras)
        opened.ledger.keys.make()
        worker = WorkerStatus(0, 1, 7, clock.now())
        write_status(status_path(site.run_dir, 0), worker)
        chart = Chart()
        looks = [Reading(Check.HEARD, True, detail="refused")] * 6
        for look in looks:
            chart.take([look], clock.now())
        write_charts(site.run_dir, {"gate": chart, "yard": Chart()}, clock.now())
        found = examined(site, clock)
    assert found["database"].sentence == "it is writable and up to date; 1 cameras"
    assert found["system"].sentence == "1 of 1 recorder workers run"
    assert found["ledger key"].level is Level.OK
    unheard = found["cameras' events"]
    assert (unheard.level, unheard.sentence) == (
        Level.WARN, "the events of 1 cameras are not heard: gate"
    )  # fmt: skip


def test_lost_keys_dead_workers_and_a_taken_port_are_told(site: Settings) -> None:
    clock = FakeClock()
    with open_site(site, clock) as opened:
        opened.ledger.keys.make()
    for key in (site.system.data / "keys").glob("*[wy]"):  # .new, .key
        key.unlink()
    with socket.create_server(("127.0.0.1", site.web.port)):
        found = examined(site, clock)
    assert found["ledger key"].level is Level.FAIL
    assert "vms restore" in found["ledger key"].remedy
    assert "the key of the cameras' passwords is not" in found["database"].sentence
    assert not (site.system.data / "keys" / "secrets.key").exists()
    assert found["port"].level is Level.FAIL
    write_status(status_path(site.run_dir, 0), WorkerStatus(0, 2, 7, clock.now()))
    assert examined(site, clock)["system"].level is Level.FAIL


def test_a_volume_that_can_t_be_written_fails_the_command(
    config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    config.write_text(config.read_text().replace('path = "video"', 'path = "/proc/video"'))
    monkeypatch.setattr("sys.argv", ["vms", "doctor", "--json", "--config", str(config)])
    with pytest.raises(SystemExit) as ended:
        run()
    assert ended.value.code == 1
    told = json.loads(capsys.readouterr().out)
    assert told["ok"] is False
    (volume,) = [one for one in told["checks"] if one["level"] == "fail"]
    assert volume["check"] == "volume /proc/video"
    assert volume["remedy"]


def test_a_disk_is_measured_without_leaving_a_file(tmp_path: Path) -> None:
    speed = probes.disk_speed(tmp_path, SHORT)
    assert speed.rate > 0
    assert 0 < speed.slowest < 60 * SECOND
    assert list(tmp_path.iterdir()) == []


def test_an_authority_that_does_not_answer_is_a_risk(config: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        (config.parent / "tsa.pem").write_text("certificates")
        extra = f'[ledger]\nauthority = "http://127.0.0.1:{port}/tsr"\ncertificates = "tsa.pem"\n'
        config.write_text(config.read_text() + extra)
        site = load_settings(config)
        assert examined(site)["authority"].level is Level.OK
    assert "stamps wait for it" in examined(site)["authority"].sentence
