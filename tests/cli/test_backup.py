"""`vms backup` and `vms restore`: a bare machine with the volumes is back as it was."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from storage.ledger import Ledger
from storage.recording import Store
from tests.cli.house import SETTINGS, START, Vms, record
from vms.app.site import open_site
from vms.core.clock import SECOND, FakeClock, Instant, SystemClock, rfc3339
from vms.core.config_file import load_settings
from vms.core.model import CameraId, StreamKey

SECRET = """
secret = "passwords/gate"
"""
GATE = StreamKey(CameraId("gate-north"))
EVER = Instant(0), Instant(2**62)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("template")
    (folder / "cameras.toml").write_text(SETTINGS + SECRET)
    (folder / "passwords").mkdir()
    (folder / "passwords/gate").write_text("çok gizli\n")
    (folder / "video").mkdir()
    with open_site(folder / "cameras.toml") as site:
        site.registry.apply(site.settings.cameras)
        site.accounts.add("ayse", "correct horse battery", role="admin")
        record(site.settings)
        Ledger.of(site.settings, SystemClock()).checkpoint()
    return folder


@pytest.fixture
def config(template: Path, tmp_path: Path) -> Path:
    shutil.copytree(template, tmp_path / "site")
    return tmp_path / "site" / "cameras.toml"


@pytest.fixture
def vms(config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Vms:
    monkeypatch.setenv("VMS_BACKUP_PASSWORD", "correct horse battery")
    return Vms(config, capsys, monkeypatch)


def bare(config: Path) -> Path:
    """Another machine with the volume attached: the old one's settings, data and all are gone."""
    new = config.parent.parent / "bare"
    new.mkdir()
    shutil.move(config.parent / "video", new / "video")
    shutil.rmtree(config.parent)
    return new / "cameras.toml"


def files(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_a_bare_machine_is_back_with_what_was_recorded_since(vms: Vms, config: Path) -> None:
    span = ("--from", rfc3339(START), "--to", rfc3339(START + 5 * SECOND))
    assert vms("hold", "add", "gate-north", *span, "--reason", "case 7").returncode == 0
    keys = files(config.parent / "data/keys")
    file = config.parent.parent / "site.backup"
    made = vms("backup", "-o", str(file), "--json")
    assert made.returncode == 0, made.stderr
    assert json.loads(made.stdout)["rows"] > 3
    assert file.stat().st_mode & 0o777 == 0o600
    assert b"gizli" not in file.read_bytes()
    record(load_settings(config), start=START + 20 * SECOND)  # newer than the backup

    vms.config = bare(config)
    done = vms("restore", str(file))
    assert done.returncode == 0, done.stderr
    folder = vms.config.parent
    assert files(folder / "data/keys") == keys
    assert (folder / "passwords/gate").read_text() == "çok gizli\n"
    with Store(load_settings(vms.config), FakeClock(START + 40 * SECOND), threads=False) as store:
        store.recover([GATE])  # what `vms up` does first
    with open_site(vms.config) as site:
        segments = site.archive.segments(GATE, *EVER)
        assert len(segments) == 6
        assert [one.held for one in segments[:3]] == [True, True, False]
        assert site.accounts.knows("ayse")
        camera = site.registry.get("gate-north")
        assert camera.settings.password is not None
        assert camera.settings.password.reveal() == "çok gizli"
        assert site.holds.check() == []
    assert vms("verify").stdout == "All is well.\n"


@pytest.mark.parametrize("how", ["cut", "flipped", "password", "missing", "other"])
def test_what_can_not_be_read_changes_nothing(vms: Vms, config: Path, how: str) -> None:
    file = config.parent.parent / "site.backup"
    assert vms("backup", "-o", str(file)).returncode == 0
    vms.config = bare(config)
    data = bytearray(file.read_bytes())
    if how == "cut":
        file.write_bytes(data[:-1])
    elif how == "flipped":
        data[len(data) // 2] ^= 1
        file.write_bytes(data)
    elif how == "password":
        vms.patch.setenv("VMS_BACKUP_PASSWORD", "another one")
    elif how == "missing":
        file.unlink()
    else:
        file.write_text("a letter to my aunt")
    before = files(vms.config.parent)
    done = vms("restore", str(file))
    assert (done.returncode, done.stdout) == (1, "")
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert files(vms.config.parent) == before
    assert not (vms.config.parent / "data").exists()


def test_a_site_that_has_data_is_only_put_aside_by_force(vms: Vms, config: Path) -> None:
    file = config.parent.parent / "site.backup"
    assert vms("backup", "-o", str(file)).returncode == 0
    assert vms("backup", "-o", str(file)).returncode == 1, "a backup is never written over"
    with open_site(config) as site:
        site.accounts.add("veli", "correct horse battery")
    before = files(config.parent)
    refused = vms("restore", str(file))
    assert refused.returncode == 1
    assert "--force" in refused.stderr
    assert files(config.parent) == before
    done = vms("restore", str(file), "--force", "--json")
    assert done.returncode == 0, done.stderr
    with open_site(config) as site:
        assert not site.accounts.knows("veli")
    aside = [Path(name) for name in json.loads(done.stdout)["put_aside"]]
    assert any(path.name == "gozcu.db" for path in aside)
    assert all(path.exists() for path in aside)


def test_a_running_system_is_not_restored_over(vms: Vms, config: Path) -> None:
    import fcntl

    file = config.parent.parent / "site.backup"
    assert vms("backup", "-o", str(file)).returncode == 0
    with (config.parent / "data/run/up.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = vms("restore", str(file), "--force")
    assert done.returncode == 1
    assert "stop it" in done.stderr


def test_a_password_is_needed_and_long_enough(vms: Vms, config: Path, tmp_path: Path) -> None:
    vms.patch.delenv("VMS_BACKUP_PASSWORD")
    target = str(tmp_path / "x.backup")
    assert vms("backup", "-o", target).returncode == 2
    word = tmp_path / "word"
    word.write_text("short\n")
    assert vms("backup", "-o", target, "--password-file", str(word)).returncode == 2
    word.write_text("long enough\n")
    assert vms("backup", "-o", target, "--password-file", str(word)).returncode == 0
    assert Path(target).exists()
