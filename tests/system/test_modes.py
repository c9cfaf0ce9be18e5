"""What is recorded by choice, with real processes: events with their pre-roll, schedules, privacy.

The pictures carry number and time (SEI); they are counted as in test_faults.
"""

from __future__ import annotations

import datetime as dt
import time
import zoneinfo
from pathlib import Path
from typing import Any

import pytest

from benchmarks.processes import tree, wait_until
from benchmarks.stored import coded_units, unreadable
from tests.system.footage import audited, changed, untiled
from tests.system.site import SIGN_IN, Site, drawn, new_site, simulated, tree_killed
from vms.core.clock import MINUTE, SECOND, Instant, SystemClock, parse_rfc3339
from vms.core.model import Cause, State
from vms.simulator.audit import stamps

PRE_ROLL, POST_ROLL = 4, 3
ZONE = zoneinfo.ZoneInfo("Europe/Istanbul")  # of a site that names none


def with_schedules(site: Site, spans: dict[str, str]) -> None:
    """Add schedules to what `site.write` wrote, in one step."""
    tables = [f'[[schedules]]\nname = "{name}"\nspans = ["{span}"]' for name, span in spans.items()]
    fresh = site.config.with_suffix(".new")
    fresh.write_text("\n\n".join([site.config.read_text(), *tables]) + "\n")
    fresh.replace(site.config)


def minutes_of_today(begin: int, end: int) -> str:
    """From the begin of the minute `begin` to that of `end`, as a schedule's span."""
    first, last = (dt.datetime.fromtimestamp(at // SECOND, ZONE) for at in (begin, end))
    days = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    return f"{days[first.weekday()]} {first:%H:%M}-{last:%H:%M}"


def times_of(site: Site, camera: str) -> list[int]:
    """When the stored pictures were taken."""
    return [one.time for one in stamps(coded_units(site.files(camera))) if one is not None]


def assert_whole(site: Site, camera: str) -> list[dict[str, Any]]:
    """Time is tiled, pictures are unchanged, none is there twice; the gaps."""
    segments, gaps = site.coverage(camera)
    assert untiled(segments, gaps) == []
    files = site.files(camera)
    report = audited(files)
    assert (report.duplicated, report.out_of_order) == (0, 0), report.examples
    assert changed(files) == []
    assert unreadable(files) == []
    return gaps


def test_an_event_is_kept_from_before_it_began_and_every_picture_once(tmp_path: Path) -> None:
    with simulated(tmp_path, [drawn("gate", audio="pcma"), drawn("yard")]) as fleet:
        site = new_site(tmp_path)
        rolls = {"pre_roll": f"{PRE_ROLL} s", "post_roll": f"{POST_ROLL} s"}
        source = {"source": fleet.url("gate"), "record": "events", **rolls}
        site.write([{"id": "gate", **source}, {"id": "yard", "source": fleet.url("yard")}])
        with site.up() as up:
            site.wait_state("gate", State.WAITING, Cause.NO_EVENT)
            site.wait_recording("yard")
            time.sleep(PRE_ROLL + 3)
            signed = SIGN_IN.search(up.said)
            assert signed is not None
            told = SystemClock().now()
            with up.signed_in(signed[2], signed[3]) as client:
                answer = client.post("/api/cameras/gate/events", json={"kind": "motion"})
                assert answer.status_code == 201, answer.text
            asked = time.monotonic()
            site.wait_recording("gate", within=30)
            # The status is a second old at most; the recorder itself knows within half of one.
            assert time.monotonic() - asked < 12
            time.sleep(1)
            second = SystemClock().now()
            assert site.vms("events", "add", "gate", "digital_input").returncode == 0
            site.wait_state("gate", State.WAITING, Cause.NO_EVENT, within=30)
            runs = site.wait_state("gate", State.WAITING).runs
        listed = site.facts("events", "list", "gate")
        assert [event["kind"] for event in listed] == ["motion", "digital_input"]
        gaps = assert_whole(site, "gate")
        times = times_of(site, "gate")
        assert times[0] <= told - PRE_ROLL * SECOND
        assert times[-1] >= second + (POST_ROLL - 1) * SECOND
        assert times[-1] < second + (POST_ROLL + 8) * SECOND
        numbers = [one.counter for one in stamps(coded_units(site.files("gate"))) if one]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers))), "one stretch, whole"
        assert {Cause.NO_EVENT, Cause.RECORDER_STOPPED} <= {gap["cause"] for gap in gaps}
        assert runs == 1
        assert site.vms("verify").returncode == 0


def test_in_privacy_hours_nothing_is_kept_even_after_a_kill(tmp_path: Path) -> None:
    with simulated(tmp_path, [drawn("gate")]) as fleet:
        site = new_site(tmp_path)
        site.write([{"id": "gate", "source": fleet.url("gate"), "privacy": "always"}])
        with_schedules(site, {"always": "daily 00:00-24:00"})
        with site.recorder() as process:
            status = site.wait_state("gate", State.WAITING, Cause.PRIVACY)
            assert status.until is None
            time.sleep(1)
            tree_killed(tree(process.pid))
        for file in site.run_dir.glob("*.status.json"):
            file.unlink()
        with site.recorder():
            site.wait_state("gate", State.WAITING, Cause.PRIVACY)
            time.sleep(1)
        assert site.files("gate") == site.parts() == []
        segments, gaps = site.coverage("gate")
        assert segments == []
        assert untiled(segments, gaps) == []
        assert {gap["cause"] for gap in gaps} >= {Cause.PRIVACY}


def test_hours_changed_on_the_console_reach_the_running_recorder(tmp_path: Path) -> None:
    today = dt.datetime.fromtimestamp(SystemClock().now() // SECOND, ZONE).weekday()
    other_day = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")[(today + 3) % 7]
    with simulated(tmp_path, [drawn("gate")]) as fleet:
        site = new_site(tmp_path)
        site.write([{"id": "yard", "source": fleet.url("gate"), "record": "off"}])
        with site.up() as up:
            signed = SIGN_IN.search(up.said)
            assert signed is not None
            with up.signed_in(signed[2], signed[3]) as client:
                quiet = {"name": "quiet", "spans": [f"{other_day} 10:00-11:00"]}
                assert client.post("/api/schedules", json=quiet).status_code == 201
                gate = {"id": "gate", "source": fleet.url("gate"), "privacy": "quiet"}
                assert client.post("/api/cameras", json=gate).status_code == 201
                site.wait_recording("gate")
                always = {"spans": ["daily 00:00-24:00"]}
                assert client.put("/api/schedules/quiet", json=always).status_code == 200
                asked = time.monotonic()
                site.wait_state("gate", State.WAITING, Cause.PRIVACY, within=30)
                assert time.monotonic() - asked < 15
                site.write([{"id": "yard", "source": fleet.url("gate"), "record": "off"}])
                assert site.vms("apply").returncode == 0  # the file has no say in it
                refused = client.delete("/api/schedules/quiet")
                assert (refused.status_code, "gate" in refused.json()["detail"]) == (409, True)
                answer = client.put("/api/schedules/quiet", json={"spans": quiet["spans"]})
                assert answer.status_code == 200
                site.wait_recording("gate")


@pytest.mark.nightly
def test_borders_of_the_clock_are_kept_to_the_picture(tmp_path: Path) -> None:
    """Two borders pass: the schedule's begin is privacy's end, a whole minute of the clock."""
    with simulated(tmp_path, [drawn("gate"), drawn("yard")]) as fleet:
        site = new_site(tmp_path)
        now = SystemClock().now()
        border = Instant(-(-(now + 25 * SECOND) // MINUTE) * MINUTE)
        spans = {
            "quiet": minutes_of_today(border - 2 * MINUTE, border),
            "office": minutes_of_today(border, border + 2 * MINUTE),
        }
        gate = {"id": "gate", "source": fleet.url("gate"), "privacy": "quiet"}
        yard = {"id": "yard", "source": fleet.url("yard"), "record": "schedule:office"}
        site.write([gate, yard])
        with_schedules(site, spans)
        with site.recorder() as process:
            status = site.wait_state("gate", State.WAITING, Cause.PRIVACY)
            assert status.until is not None
            assert border <= status.until <= border + 2 * SECOND
            assert site.wait_state("yard", State.WAITING, Cause.NOT_SCHEDULED).until == border
            time.sleep(2)
            tree_killed(tree(process.pid))
        for file in site.run_dir.glob("*.status.json"):
            file.unlink()
        with site.recorder():
            site.wait_state("gate", State.WAITING, Cause.PRIVACY)
            assert site.files("gate") == site.files("yard") == []
            assert site.parts() == []
            wait_until(lambda: SystemClock().now() > border, 100, "the border")
            site.wait_recording("gate", "yard", within=30)
            time.sleep(3)
        gaps = assert_whole(site, "gate")
        assert min(times_of(site, "gate")) >= border
        inside = [gap for gap in gaps if gap["cause"] == Cause.PRIVACY]
        assert inside
        assert parse_rfc3339(inside[-1]["end"]) >= border
        assert_whole(site, "yard")
        assert min(times_of(site, "yard")) <= border + SECOND, "its first second is there"
        assert site.vms("verify").returncode == 0
