"""`vms export` and `vms verify FILE`: one sentence for whatever can't be, nothing left behind."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from storage.facts import RunFacts
from storage.recording import Store
from tests.cli.test_commands import vms
from tests.storage.encoded import coded, fragments
from vms.core.clock import SECOND, FakeClock, Instant, SystemClock, rfc3339
from vms.core.config_file import load_settings
from vms.core.model import CameraId, StreamKey

SETTINGS = """
[system]
name = "Örnek Belediyesi"
data = "{folder}/data"

[[volumes]]
path = "{folder}/video"
reserve = "0 B"

[[cameras]]
id = "gate-north"
name = "Kuzey Kapı"
source = "rtsp://10.255.255.1/main"
"""
GATE = StreamKey(CameraId("gate-north"))


@pytest.fixture(scope="module")
def footage(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Instant]:
    """Settings of a site with 8 s of footage, and when it begins."""
    folder = tmp_path_factory.mktemp("site")
    config = folder / "cameras.toml"
    config.write_text(SETTINGS.format(folder=folder))
    assert vms("apply", config=config).returncode == 0
    start = Instant((SystemClock().now() // SECOND - 60) * SECOND)
    clock = FakeClock(start)
    with Store(load_settings(config), clock, threads=False) as store:
        store.recover([GATE])
        for number in range(2):
            at = Instant(start + number * 4 * SECOND)
            segment = store.open_segment(GATE, at, coded().format, RunFacts(1, start))
            for fragment in fragments(coded()):
                assert segment.append(fragment)
            clock.advance(4 * SECOND)
            segment.close(Instant(at + 4 * SECOND))
            store.pump()
    return config, start


def span(start: Instant, begins: int, ends: int) -> tuple[str, ...]:
    return (
        "--from",
        rfc3339(start + begins * SECOND),
        "--to",
        rfc3339(start + ends * SECOND),
    )


def test_footage_is_handed_out_and_verified(footage: tuple[Path, Instant], tmp_path: Path) -> None:
    config, start = footage
    out = tmp_path / "x.zip"
    options = ("-o", str(out), "--reason", "2026/12", "--language", "en", "--json")
    done = vms("export", "gate-north", *span(start, 1, 7), *options, config=config)
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    assert (facts["file"], facts["bytes"], facts["clips"]) == (str(out), out.stat().st_size, 1)
    assert out.stat().st_mode & 0o777 == 0o600
    with zipfile.ZipFile(out) as zip_:
        assert "report.pdf" in zip_.namelist()
    # Somewhere else, without settings and database.
    answer = vms("verify", str(out), "--key", facts["key"], "--config", "/nowhere.toml")
    assert answer.returncode == 0, answer.stdout
    assert answer.stdout.startswith("GREEN: x.zip is as Örnek Belediyesi handed it out")
    data = bytearray(out.read_bytes())
    data[len(data) // 3] ^= 1
    out.write_bytes(data)
    answer = vms("verify", str(out), "--json")
    assert answer.returncode == 1
    assert json.loads(answer.stdout)["good"] is False


def test_a_password_comes_from_standard_input(
    footage: tuple[Path, Instant], tmp_path: Path
) -> None:
    config, start = footage
    out = tmp_path / "x.zip"
    options = ("-o", str(out), "--password", "-")
    done = vms("export", "gate-north", *span(start, 0, 8), *options, config=config, stdin="şifre\n")
    assert done.returncode == 0, done.stderr
    assert "şifre" not in done.stdout + done.stderr
    assert vms("verify", str(out)).returncode == 1
    asked = vms("verify", str(out), "--password", "-", stdin="şifre\n")
    shown = vms("verify", str(out), "--password", "şifre")
    assert (asked.returncode, shown.returncode) == (0, 0)
    warning = "can read the password among its processes"
    assert [warning in done.stderr for done in (asked, shown)] == [False, True]


@pytest.mark.parametrize(
    ("camera", "begins", "ends", "said"),
    [
        ("gate-south", 0, 4, "gate-south"),
        ("gate-north", 4, 0, "before it begins"),
        ("gate-north", 0, 4_000, "in the future"),
        ("gate-north", -100, -50, "no footage"),
    ],
)
def test_a_refusal_is_one_sentence_and_leaves_nothing(
    footage: tuple[Path, Instant], tmp_path: Path, camera: str, begins: int, ends: int, said: str
) -> None:
    config, start = footage
    options = ("-o", str(tmp_path / "x.zip"))
    done = vms("export", camera, *span(start, begins, ends), *options, config=config)
    assert done.returncode == 1
    assert said in done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    assert list(tmp_path.iterdir()) == []


def test_an_output_that_cant_be_written_is_one_sentence(footage: tuple[Path, Instant]) -> None:
    config, start = footage
    options = ("-o", "/proc/nowhere/x.zip")
    done = vms("export", "gate-north", *span(start, 0, 4), *options, config=config)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "can't be written" in done.stderr


def test_what_is_no_package_is_red(tmp_path: Path) -> None:
    (tmp_path / "x.zip").write_bytes(b"no zip at all")
    for name in ("x.zip", "missing.zip"):
        done = vms("verify", str(tmp_path / name))
        assert (done.returncode, done.stdout[:5], done.stderr) == (1, "RED: ", "")
