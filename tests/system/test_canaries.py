"""Secrets planted wherever one is given, and hunted wherever one could come out: none does."""

from __future__ import annotations

import json
import os
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2
import pytest

from benchmarks.processes import alive, wait_until
from tests.system.site import Site, Up, drawn, town
from vms.core.model import Cause, State

URL, FILE, VARIABLE, BUCKET, PERSON, WRONG, EXPORT, TRIED, BACKUP = (
    f"kanarya-{word}-7f3a9" for word in
    ("url", "file", "variable", "bucket", "person", "wrong", "export", "tried", "backup")
)  # fmt: skip
CANARIES = (URL, FILE, VARIABLE, BUCKET, PERSON, WRONG, EXPORT, TRIED, BACKUP)
ROLES = ("operator", "investigator", "auditor", "admin")


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """A running site whose cameras refuse the passwords they are given, so that much is said."""
    folder: Path = tmp_path_factory.mktemp("canaries")
    os.environ["CANARY_PASSWORD"] = VARIABLE
    (folder / "password").write_text(FILE)
    cameras = [drawn(name, auth="digest") for name in ("gate", "yard", "dock")]
    with town(folder, cameras) as (site, fleet):
        common = {"username": "vms"}
        place = fleet.url("gate").removeprefix("rtsp://")
        site.write(
            [
                {"id": "gate", "source": f"rtsp://vms:{URL}@{place}"},
                {"id": "yard", "source": fleet.url("yard"), "secret": str(folder / "password"),
                 **common},
                {"id": "dock", "source": fleet.url("dock"), "password": "${CANARY_PASSWORD}",
                 **common},
            ]
        )  # fmt: skip
        with site.config.open("a") as file:
            file.write(
                '[[tiers]]\nname = "cold"\nurl = "s3://cold"\nendpoint = "http://127.0.0.1:9"\n'
                f'after = "1 min"\naccess_key = "AK"\nsecret_key = "{BUCKET}"\n'
            )
        for role in ROLES:
            add = ("users", "add", role, "--role", role, "--password-stdin")
            made = site.vms(*add, say=PERSON)
            assert made.returncode == 0, made.stderr
        with site.up() as up:
            for camera in ("gate", "yard", "dock"):
                site.wait_state(camera, State.FAILED, Cause.REFUSED)
            yield up
    del os.environ["CANARY_PASSWORD"]


def found(text: str | bytes) -> list[str]:
    """The canaries in a text, also as URLs write them."""
    data = text.encode() if isinstance(text, str) else text
    return [one for one in CANARIES if one.encode() in data or quote(one).encode() in data]


def _everything(client: httpx2.Client, document: dict[str, Any]) -> Iterator[tuple[str, bytes]]:
    """Every GET of the API, about a camera of each kind."""
    for path, methods in document["paths"].items():
        if "get" not in methods:
            continue
        for camera in ("gate", "yard", "dock"):
            filled = re.sub(r"\{\w+\}", "x", path.replace("{camera}", camera))
            span = {"start": "2026-11-22T11:00:00Z", "end": "2026-11-22T12:00:00Z", "form": "toml"}
            answer = client.get(filled, params={**span, "at": span["start"]})
            yield filled, answer.content + str(answer.headers).encode()
            if "{camera}" not in path:
                break


def _troubles(client: httpx2.Client) -> Iterator[tuple[str, bytes]]:
    """Requests that go wrong with a secret in them."""
    camera = {"id": "new", "source": f"rtsp://vms:{TRIED}@127.0.0.1:1/x", "password": TRIED}
    span = {"start": "2026-11-22T11:00:00Z", "end": "2026-11-22T12:00:00Z"}
    for path, body in (
        ("/api/session", {"username": "operator", "password": WRONG}),
        ("/api/session", {"username": "operator", "password": WRONG, "more": WRONG}),
        ("/api/cameras/test", camera),
        ("/api/cameras", camera | {"record": "never"}),
        ("/api/exports", {"cameras": ["gate"], "password": EXPORT, "reason": "x", **span}),
        ("/api/people", {"name": "x", "grants": [{"role": "none"}], "password": WRONG}),
    ):
        answer = client.post(path, json=body)
        assert answer.status_code < 500 or answer.json()["code"] != "internal"
        yield path, answer.content


def children(pid: int) -> list[int]:
    below = [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return below + [further for one in below for further in children(one)]


def test_no_secret_comes_out(planted: Up, record_property: Any) -> None:
    up = planted
    site, looked = up.site, 0
    for role in ROLES:
        with up.signed_in(role, PERSON) as client:
            document = client.get("/api/openapi.json").json()
            for place, content in (*_everything(client, document), *_troubles(client)):
                if place != "/api/people":  # a person made here is told their password: not these
                    assert found(content) == [], (role, place)
                looked += 1
    (site.folder / "password-of-backup").write_text(BACKUP)
    file = ("--password-file", str(site.folder / "password-of-backup"))
    backup = site.vms("backup", "-o", str(site.folder / "x.backup"), *file)
    assert backup.returncode == 0, backup.stderr
    looked += _processes(up) + _disk(site)
    for command in (("cameras", "--json"), ("dump",), ("doctor", "--json"), ("users", "list")):
        done = site.vms(*command)
        assert found(done.stdout + done.stderr) == [], command
        looked += 1
    assert found(backup.stdout + backup.stderr) == []
    record_property("canaries", f"{len(CANARIES)} secrets hunted in {looked} places, 0 found")


def _processes(up: Up) -> int:
    """What others see of our processes: command lines, environments, memory."""
    pids = children(up.process.pid)
    assert len(pids) >= 4
    for pid in pids:
        proc = Path(f"/proc/{pid}")
        assert found((proc / "cmdline").read_bytes()) == [], pid
        assert found((proc / "environ").read_bytes()) == [], pid
        limits = (proc / "limits").read_text()
        assert re.search(r"Max core file size\s+0\s+0", limits), pid
        # Owned by root though it may run as somebody else: that is what no dump looks like.
        assert (proc / "maps").stat().st_uid == 0
    assert found(Path(f"/proc/{up.process.pid}/cmdline").read_bytes()) == []
    return 2 * len(pids)


def _disk(site: Site) -> int:
    """Logs, the database's content and its bytes, what lies in the data folder and on volumes."""
    data = site.folder / "data"
    lines = "\n".join(sqlite3.connect(data / "gozcu.db").iterdump())
    assert found(lines) == []
    assert "password" in lines  # it was read
    count = 1
    # For this user only, and named: what the processes that are started again need.
    kept = data / "run" / "settings.json"
    assert kept.stat().st_mode & 0o77 == 0
    for file in (*site.folder.rglob("*"),):
        if not file.is_file() or file in (kept, site.config) or file.name.startswith("password"):
            continue
        assert found(file.read_bytes()) == [], file
        count += 1
    return count


def test_a_crash_leaves_no_memory_on_disk(planted: Up) -> None:
    up = planted
    victim = children(up.process.pid)[0]
    status = Path(f"/proc/{victim}/status").read_text()
    assert "CoreDumping:\t0" in status
    os.kill(victim, 6)
    wait_until(lambda: not alive(victim), 30, "its end")
    assert list(up.site.folder.rglob("core*")) == []
    assert json.loads(up.site.vms("cameras", "--json").stdout)
