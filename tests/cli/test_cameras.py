"""`vms cameras`: list, import, export, replace."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from tests.cli.house import SETTINGS, Vms
from vms.app.site import open_site

CANARY = "kanarya-51b"
SHEET = (
    "\ufeffid;name;source;username;password;lat;lon;make\r\n"
    f"park-1;Şehir Parkı;rtsp://10.255.255.2/main;vms;{CANARY};39,9;32,8;Axis\r\n"
)


@pytest.fixture
def vms(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Vms:
    config = tmp_path / "cameras.toml"
    config.write_text(SETTINGS)
    found = Vms(config, capsys, monkeypatch)
    assert found("apply").returncode == 0
    return found


@pytest.fixture
def sheet(tmp_path: Path) -> str:
    (tmp_path / "park.csv").write_bytes(SHEET.encode())
    return str(tmp_path / "park.csv")


def test_an_import_says_the_difference_and_then_does_it(vms: Vms, sheet: str) -> None:
    tried = vms("cameras", "import", sheet, "--dry-run")
    assert (tried.returncode, tried.stdout) == (0, "+ park-1: added\n")
    assert [one["id"] for one in json.loads(vms("cameras", "--json").stdout)] == ["gate-north"]
    assert vms("cameras", "import", sheet).stdout == tried.stdout
    listed = json.loads(vms("cameras", "--json").stdout)
    assert [one["id"] for one in listed] == ["gate-north", "park-1"]
    assert vms("cameras", "import", sheet).stdout == "Nothing to change.\n"


@pytest.mark.parametrize("form", [["csv"], ["csv", "--excel"], ["toml"]])
def test_an_export_reads_back_to_the_same(
    vms: Vms, sheet: str, tmp_path: Path, form: list[str]
) -> None:
    vms("cameras", "import", sheet)
    out = tmp_path / f"out.{form[0]}"
    done = vms("cameras", "export", "--format", *form, "-o", str(out))
    assert done.returncode == 0, done.stderr
    assert CANARY not in out.read_text()
    again = vms("cameras", "import", str(out))
    assert (again.stdout, again.stderr) == ("Nothing to change.\n", "")


@pytest.mark.parametrize("form", ["csv", "toml"])
def test_an_export_with_schedules_comes_back_here_and_is_explained_elsewhere(
    vms: Vms, tmp_path: Path, form: str
) -> None:
    hours = '\n[[schedules]]\nname = "office"\nspans = ["mon-fri 08:00-18:00"]\n'
    vms.config.write_text(SETTINGS + hours)
    assert vms("apply").returncode == 0
    new = tmp_path / "new.csv"
    new.write_text(
        "id,source,record,privacy,post_roll\na,rtsp://10.255.255.3/x,schedule:office,office,5 s\n"
    )
    assert vms("cameras", "import", str(new)).returncode == 0
    out = tmp_path / f"out.{form}"
    assert vms("cameras", "export", "--format", form, "-o", str(out)).returncode == 0
    again = vms("cameras", "import", str(out))
    assert (again.stdout, again.stderr) == ("Nothing to change.\n", "")
    other = tmp_path / "other"
    other.mkdir()
    vms.config = other / "cameras.toml"
    vms.config.write_text(SETTINGS)
    assert vms("apply").returncode == 0
    refused = vms("cameras", "import", str(out))
    assert refused.returncode == 1
    assert "there is no schedule 'office' on this site, by which a would go" in refused.stderr
    vms.config.write_text(SETTINGS + hours)
    assert vms("apply").returncode == 0
    assert "+ a: added" in vms("cameras", "import", str(out)).stdout
    with open_site(vms.config) as site:
        camera = site.registry.get("a").settings
    assert (camera.record, camera.privacy) == ("schedule:office", "office")
    assert camera.post_roll == 5_000_000_000


def test_a_wrong_file_changes_nothing(vms: Vms, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.csv"
    wrong.write_text("id,source\na,rtsp://10.255.255.3/x\nb,nowhere\n")
    refused = vms("cameras", "import", str(wrong))
    assert refused.returncode == 1
    assert "wrong.csv:3: column 2 source:" in refused.stderr
    assert len(json.loads(vms("cameras", "--json").stdout)) == 1
    wrong.write_bytes("id,name\na,Kapı\n".encode("cp1254"))
    assert (
        'wrong.csv:2: is not UTF-8 (save it as "CSV UTF-8")'
        in vms("cameras", "import", str(wrong)).stderr
    )
    wrong.write_text("id,name\ngate-north,other\n")
    assert "declared in cameras.toml" in vms("cameras", "import", str(wrong)).stderr


def test_a_device_is_replaced_and_the_change_is_kept(vms: Vms, sheet: str) -> None:
    vms("cameras", "import", sheet)
    vms.patch.setattr("sys.stdin", io.StringIO(CANARY + "-2\n"))
    new = ("--source", "rtsp://10.255.255.4/live", "--make", "Hanwha", "--password-stdin")
    done = vms("cameras", "replace", "park-1", *new)
    assert done.returncode == 0, done.stderr
    assert "~ park-1: replaced" in done.stdout
    assert "inventory.make: Axis → Hanwha" in done.stdout
    assert CANARY not in done.stdout + done.stderr
    with open_site(vms.config) as site:
        camera = site.registry.get("park-1").settings
        assert (camera.name, camera.source) == ("Şehir Parkı", "rtsp://10.255.255.4/live")
        assert camera.password is not None
        assert camera.password.reveal() == CANARY + "-2"
        assert [one.kind for one in site.registry.history("park-1")] == ["replaced", "added"]
    assert vms("cameras", "replace", "gate-north", "--source", "rtsp://h/x").returncode == 1


def test_a_replaced_device_is_steered_at_its_own_address_or_its_loss_is_told(
    vms: Vms, sheet: str
) -> None:
    vms("cameras", "import", sheet)
    new = ("cameras", "replace", "park-1", "--source", "rtsp://10.255.255.4/live")
    done = vms(*new, "--onvif", "https://10.255.255.4", "--onvif-certificate", "checked")
    assert (done.returncode, done.stderr) == (0, "")
    with open_site(vms.config) as site:
        camera = site.registry.get("park-1").settings
    assert camera.onvif == "https://10.255.255.4/onvif/device_service"
    assert camera.onvif_certificate == "checked"
    lost = vms(*new)
    assert "onvif: https://10.255.255.4/onvif/device_service → none" in lost.stdout
    assert "give its address with --onvif" in lost.stderr
