"""`--json` of the commands, field by field as design §8 says, and `vms verify`."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.system.conftest import SEGMENT_S, Town
from tests.system.footage import longest_picture, untiled
from tests.system.site import drawn, new_site, simulated
from vms.core.clock import SECOND, SystemClock, parse_rfc3339
from vms.core.model import Cause, State

SEGMENT: dict[str, Any] = {
    "id": str,
    "camera": str,
    "stream": str,
    "start": str,
    "end": str,
    "bytes": int,
    "codec": str,
    "width": int,
    "height": int,
    "path": str,
    "sha256": str | None,
    "volume": str,
    "held": bool,
}
GAP = {
    "start": str,
    "end": str,
    "seconds": float | int,
    "cause": str,
    "detail": str,
    "open": bool,
}
CAMERA = {
    "id": str,
    "name": str,
    "state": str,
    "since": str | None,
    "source": str | None,
    "fps": float | int | None,
    "bitrate": int | None,
    "last_frame": str | None,
    "clock_offset_ms": float | int | None,
    "problem": str | None,
    "problem_code": str | None,
    "detail": str | None,
    "waits_for": str | None,
    "until": str | None,
}


def fits(fact: dict[str, Any], contract: dict[str, Any]) -> None:
    assert set(fact) == set(contract)
    for key, kind in contract.items():
        assert isinstance(fact[key], kind), f"{key} = {fact[key]!r}"


def test_segments_are_the_contract_and_the_files_are_as_they_say(whole_town: Town) -> None:
    found = whole_town.site.facts("segments", "square")
    # A simulated camera that found no processor for a moment ends a file early: after two seconds
    # a gap says so; before, its last picture stood so long, and the next keyframe is expected late.
    breaks = [parse_rfc3339(gap["start"]) for gap in whole_town.site.facts("gaps", "square")]
    done = [fact for fact in found if fact["sha256"] is not None]
    assert len(done) >= 2
    assert len(found) - len(done) <= 2  # the one being written, and one on its way to the index
    for fact in found:
        fits(fact, SEGMENT)
        assert fact["id"] == f"square.main.{parse_rfc3339(fact['start'])}"
        assert (fact["camera"], fact["stream"], fact["codec"]) == ("square", "main", "h264")
        assert (fact["width"], fact["height"], fact["held"]) == (320, 180, False)
    for fact in done:
        data = Path(fact["path"]).read_bytes()
        assert len(data) == fact["bytes"]
        printed = subprocess.run(["sha256sum", fact["path"]], capture_output=True, check=True)
        assert printed.stdout.split()[0].decode() == fact["sha256"]
        start, end = parse_rfc3339(fact["start"]), parse_rfc3339(fact["end"])
        assert end - start <= (SEGMENT_S + 2.1) * SECOND
        if end - start < (SEGMENT_S - 1.6) * SECOND:
            parted = any(abs(gap - end) < SECOND for gap in breaks)
            assert parted or longest_picture(Path(fact["path"])) > 0.3, (fact, breaks)


def test_segments_are_listed_by_the_span_asked_for(whole_town: Town) -> None:
    site = whole_town.site
    everything = [f for f in site.facts("segments", "gate") if f["sha256"] is not None]
    second = everything[1]
    inside = site.facts("segments", "gate", "--from", second["start"], "--to", second["end"])
    assert [fact["id"] for fact in inside] == [second["id"]]
    assert site.facts("segments", "gate", "--to", everything[0]["start"]) == []
    assert site.facts("segments", "square", "--stream", "sub") == []


def test_gaps_are_the_contract_and_tile_the_time_with_the_segments(whole_town: Town) -> None:
    site = whole_town.site
    for camera in ("square", "gate", "market", "bridge"):
        segments = site.facts("segments", camera)
        gaps = site.facts("gaps", camera)
        for gap in gaps:
            fits(gap, GAP)
            assert gap["cause"] in set(Cause)
        # The gaps are listed later: those that began behind the listed segments are not theirs.
        known = max((parse_rfc3339(one["end"]) for one in segments), default=None)
        theirs = [one for one in gaps if known is None or parse_rfc3339(one["start"]) <= known]
        assert untiled(segments, theirs) == []
    bridge = site.facts("gaps", "bridge")
    assert Cause.UNREACHABLE in {gap["cause"] for gap in bridge}
    for gap in bridge:
        length = parse_rfc3339(gap["end"]) - parse_rfc3339(gap["start"])
        assert gap["seconds"] == pytest.approx(length / 1e9)


def test_cameras_are_the_contract(whole_town: Town) -> None:
    site = whole_town.site
    listed = {fact["id"]: fact for fact in site.facts("cameras")}
    assert list(listed) == ["square", "gate", "market", "bridge"]
    for fact in listed.values():
        fits(fact, CAMERA)
    square, market = listed["square"], listed["market"]
    assert market["name"] == "Çarşı"
    assert (square["state"], square["source"], square["problem"]) == ("recording", "native", None)
    assert square["fps"] == pytest.approx(10, abs=1)
    assert 10_000 < square["bitrate"] < 2_000_000
    now = SystemClock().now()
    assert now - parse_rfc3339(square["last_frame"]) < 10 * SECOND  # the command takes a while
    assert parse_rfc3339(square["since"]) < now
    # Camera and recorder are one machine here: what differs is the way between them.
    assert abs(square["clock_offset_ms"]) < 250


def test_tables_speak_without_json_too(whole_town: Town) -> None:
    site = whole_town.site
    assert "Çarşı" in site.vms("cameras").stdout
    assert str(site.video) in site.vms("segments", "gate").stdout
    assert "unreachable" in site.vms("gaps", "bridge").stdout


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("segments",), 2, "camera"),
        (("segments", "No Slug"), 2, "camera/main"),
        (("segments", "gate", "--from", "yesterday"), 2, "RFC 3339"),
        (("segments", "gate", "--from", "2026-01-02T00:00:00Z", "--to", "2026-01-01T00:00:00Z"), 2,
         "before"),
        (("gaps", "nobody"), 1, "nobody"),
        (("verify", "--level", "deep"), 2, "presence"),
        (("films",), 2, "films"),
        (("frame", "gate", "--at", "2020-01-01T00:00:00Z", "-o", "/dev/null"), 1, "gate"),
    ],
)  # fmt: skip
def test_wrong_usage_is_two_and_failure_is_one(
    running_town: Town, arguments: tuple[str, ...], code: int, words: str
) -> None:
    done = running_town.site.vms(*arguments)
    assert done.returncode == code, done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_verify_finds_all_well_while_the_system_runs(whole_town: Town) -> None:
    done = whole_town.site.vms("verify")
    assert (done.returncode, done.stdout) == (0, "All is well.\n")
    assert whole_town.site.facts("verify") == []


def test_verify_names_what_is_damaged_and_what_is_gone(tmp_path: Path) -> None:
    with simulated(tmp_path, [drawn("gate")]) as fleet:
        site = new_site(tmp_path)
        site.write([{"id": "gate", "source": fleet.url("gate")}], segment="2 s")
        with site.recorder():
            site.wait_state("gate", State.RECORDING)
            site.wait_segments("gate", 3)
    damaged, gone, whole = site.facts("segments", "gate")[:3]
    data = bytearray(Path(damaged["path"]).read_bytes())
    data[len(data) // 2] ^= 1
    Path(damaged["path"]).chmod(0o600)
    Path(damaged["path"]).write_bytes(data)
    Path(gone["path"]).unlink()
    done = site.vms("verify")
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert lines.pop() == "Not all is well: 2 findings."
    assert len(lines) == 2
    assert any(line.startswith(damaged["id"]) and "SHA-256" in line for line in lines)
    assert any(line.startswith(gone["id"]) and "gone" in line for line in lines)
    assert whole["id"] not in done.stdout
    listed = site.vms("verify", "--json")
    assert listed.returncode == 1
    assert {finding["segment"] for finding in json.loads(listed.stdout)} == {
        damaged["id"],
        gone["id"],
    }
