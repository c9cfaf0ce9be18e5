"""`vms discover`: what is found is told, and what is chosen is taken in; nobody else is dialled."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cameras.onvif.house import beside
from tests.cli.house import SETTINGS, Vms
from vms.app.site import open_site
from vms.cameras.slug import free_id, slug
from vms.cli import discover
from vms.core.model import is_camera_id
from vms.simulator.fleet import Fleet


@pytest.fixture(scope="module")
def fleet() -> Iterator[Fleet]:
    with beside() as found:
        yield found


@pytest.fixture
def vms(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Vms:
    config = tmp_path / "cameras.toml"
    config.write_text(SETTINGS)
    monkeypatch.delenv(discover.PASSWORD_VARIABLE, raising=False)
    return Vms(config, capsys, monkeypatch)


def _options(fleet: Fleet) -> list[str]:
    return ["--range", "127.0.0.1", "--no-multicast",
            "--port", str(fleet.discovery_port),
            "--wait", "0.7"]  # fmt: skip


def _here(fleet: Fleet, camera: str) -> str:
    return fleet.device(camera).address


def test_found_cameras_are_told_as_json_and_as_a_table(
    vms: Vms, fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(discover.PASSWORD_VARIABLE, "gozcu")
    done = vms("discover", *_options(fleet), "--user", "vms", "--json")
    assert done.returncode == 0, done.stderr
    found = {one["name"]: one for one in json.loads(done.stdout)}
    gate = found["Gozcu gate"]
    assert (gate["address"], gate["trouble"], gate["camera"]) == ("127.0.0.1", None, None)
    assert gate["make"]
    assert gate["model"]
    assert [one["uri"] for one in gate["streams"]] == [
        fleet.url("gate"), fleet.url("gate", "sub"),
    ]  # fmt: skip
    assert found["Gozcu yard"]["streams"][0]["codec"] == "h265"
    assert gate["username"] == "vms"
    assert "gozcu" not in done.stdout
    table = vms("discover", *_options(fleet), "--user", "vms").stdout
    assert _here(fleet, "gate") in table
    assert "1920×1080" in table


def test_a_refusal_is_a_sentence_and_no_failure(vms: Vms, fleet: Fleet, tmp_path: Path) -> None:
    (tmp_path / "words").write_text("falsch\n")
    words = ("--user", "vms", "--password-file", str(tmp_path / "words"))
    done = vms("discover", *_options(fleet), *words, "--json")
    assert done.returncode == 0
    (one, _) = json.loads(done.stdout)
    assert one["trouble"] == "refused"
    assert one["problem"].startswith("The camera refuses the user or the password: ")
    assert one["problem_tr"].startswith("Kamera kullanıcı adını")
    assert "refuses the user" in vms("discover", *_options(fleet)).stdout


def test_chosen_cameras_are_taken_in_with_what_let_us_in(
    vms: Vms, fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("falsch\ngozcu\n"))
    words = ("--user", "vms", "--password-stdin")
    add = ("--add", _here(fleet, "gate"), "--group", "Meydan")
    done = vms("discover", *_options(fleet), *words, *add, "--json")
    assert done.returncode == 0, done.stderr
    assert {one["name"]: one["camera"] for one in json.loads(done.stdout)} == {
        "Gozcu gate": "gozcu-gate",
        "Gozcu yard": None,
    }
    with open_site(vms.config) as site:
        camera = site.registry.get("gozcu-gate").settings
        by = site.registry.history("gozcu-gate")[0].by
    assert camera.password is not None
    assert camera.password.reveal() == "gozcu"
    assert (camera.source, camera.sub) == (fleet.url("gate"), fleet.url("gate", "sub"))
    assert camera.onvif == fleet.device("gate").url("device_service")
    assert camera.groups == ("Meydan",)
    assert camera.inventory is not None
    assert camera.inventory.make
    assert "command line" in by
    monkeypatch.setenv(discover.PASSWORD_VARIABLE, "gozcu")
    again = vms("discover", *_options(fleet), "--user", "vms", *add)
    assert (again.returncode, "here already, as gozcu-gate" in again.stderr) == (2, True)
    new = vms("discover", *_options(fleet), "--user", "vms", "--add", "new")
    assert "already here as gozcu-yard" in new.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--range", "8.8.8.0/24"], 1, "allow under [network] in cameras.toml"),
        (["--range", "camera"], 2, "no range such as"),
        (["--user", "vms"], 2, "--password-file, --password-stdin or VMS_DISCOVER_PASSWORD"),
        (["--interface", "nirgends"], 2, "no interface 'nirgends'; it has lo"),
        (["--password-file", "/nirgends"], 2, "can't be read"),
    ],
)
def test_what_can_not_be_searched_says_why(
    vms: Vms, arguments: list[str], code: int, said: str
) -> None:
    done = vms("discover", *arguments)
    assert (done.returncode, said in done.stderr) == (code, True), done.stderr


@pytest.mark.parametrize(
    ("name", "id_"),
    [
        ("İtfaiye Önü 2", "itfaiye-onu-2"),
        ("ÇIĞŞÖÜ çığşöü", "cigsou-cigsou"),
        ("HIKVISION DS-2CD2132-I", "hikvision-ds-2cd2132-i"),
        ("Straße", "strasse"),
        ("—", "camera"),
        ("", "camera"),
        ("x" * 80, "x" * 63),
    ],
)
def test_names_become_ids(name: str, id_: str) -> None:
    assert slug(name) == id_
    assert is_camera_id(slug(name))


def test_an_id_that_is_taken_gets_the_address_behind_it() -> None:
    assert free_id("ipc", "10.0.0.5", set()) == "ipc"
    assert free_id("ipc", "10.0.0.5", {"ipc"}) == "ipc-10-0-0-5"
    assert free_id("ipc", "10.0.0.5", {"ipc", "ipc-10-0-0-5"}) == "ipc-10-0-0-5-2"
    assert is_camera_id(free_id("y" * 63, "fe80::1%eth0", {"y" * 63}))


def test_many_passwords_of_a_file_lock_no_camera_that_refuses_by_a_fault(
    vms: Vms, tmp_path: Path
) -> None:
    (tmp_path / "words").write_text("".join(f"falsch-{number}\n" for number in range(8)))
    words = ("--user", "vms", "--password-file", str(tmp_path / "words"))
    with beside() as fleet:
        fleet.set_fault("gate", "onvif-fault-refusal", status=500)
        done = vms("discover", *_options(fleet), *words, "--json")
        seen = {name: fleet.device(name).signin.refusals for name in ("gate", "yard")}
    assert {one["trouble"] for one in json.loads(done.stdout)} == {"refused"}
    assert max(seen.values()) <= 4


def test_one_channel_of_a_device_is_taken_in(
    vms: Vms, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(discover.PASSWORD_VARIABLE, "gozcu")
    with beside() as fleet:
        fleet.set_fault("gate", "onvif-channels")
        asked = (*_options(fleet), "--user", "vms")
        where = f"{_here(fleet, 'gate')}#2"
        assert where in vms("discover", *asked).stdout
        done = vms("discover", *asked, "--add", where, "--json")
    assert done.returncode == 0, done.stderr
    cameras = {(one["name"], one["channel"]): one["camera"] for one in json.loads(done.stdout)}
    assert cameras == {
        ("Gozcu gate", 1): None, ("Gozcu gate", 2): "gozcu-gate-2", ("Gozcu yard", 1): None,
    }  # fmt: skip
