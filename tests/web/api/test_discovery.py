"""Cameras found, looked at, added and tried over HTTP; and no password comes out anywhere."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.cameras.onvif.house import beside
from tests.web.site import PASSWORD, WebSite, open_web_site
from vms.cameras.onvif.searches import KEPT
from vms.core.clock import FakeClock
from vms.people.audit.entry import What
from vms.people.audit.records import Query
from vms.simulator.fleet import CameraSpec, Fleet
from vms.simulator.spec import VideoSpec

CANARY = "kanarya-7c1e9"
SMALL = VideoSpec(width=320, height=180, fps=12, bitrate=300_000, gop=12, profile="baseline")
CAMERAS = (
    CameraSpec("gate", "Kapı", SMALL, None, auth="digest", password=CANARY),
    CameraSpec("yard", "Avlu", SMALL, None, auth="digest", password="another"),
)


@pytest.fixture(scope="module")
def fleet() -> Iterator[Fleet]:
    with beside(CAMERAS) as found:
        yield found


@pytest.fixture
def site(tmp_path: Path) -> Iterator[WebSite]:
    with open_web_site(tmp_path, FakeClock()) as site:
        site.parts.accounts.add("ayse", PASSWORD, role="admin")
        yield site


@pytest.fixture
def ayse(site: WebSite) -> Iterator[TestClient]:
    """An administrator."""
    session = site.parts.sessions.start(site.parts.accounts.get("ayse"), "10.0.0.9")
    with TestClient(site.app, base_url="http://vms.test", raise_server_exceptions=False) as client:
        client.cookies.set("vms_session", session.token)
        client.headers["X-CSRF-Token"] = session.csrf
        yield client


def _near(monkeypatch: pytest.MonkeyPatch, fleet: Fleet) -> None:
    """Probes go to the simulated devices' own port, and are not waited for long."""
    monkeypatch.setattr("web.api.discovery.PROBED", (fleet.discovery_port, 0.7))


def _search(client: TestClient, *passwords: str) -> dict[str, Any]:
    users = [{"username": "vms", "password": one} for one in passwords]
    order = {"ranges": ["127.0.0.1"], "credentials": users, "multicast": False}
    begun = client.post("/api/discovery", json=order)
    assert begun.status_code == 201, begun.text
    assert begun.json()["state"] == "running"
    return _ended(client, begun.json()["id"])


def _ended(client: TestClient, search: str) -> dict[str, Any]:
    return _until(lambda: client.get(f"/api/discovery/{search}").json())


def _until(look: Callable[[], dict[str, Any]], within: float = 8) -> dict[str, Any]:
    deadline = time.monotonic() + within
    while (found := look())["state"] == "running":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


def test_what_is_found_is_added_with_the_password_it_took(
    ayse: TestClient, site: WebSite, fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    _near(monkeypatch, fleet)
    done = _search(ayse, "falsch-falsch", CANARY)
    assert (done["state"], done["answers"], done["described"]) == ("done", 2, 2)
    by_name = {one["name"]: one for one in done["found"]}
    gate, yard = by_name["Gozcu gate"], by_name["Gozcu yard"]
    assert gate["suggestion"] == {"id": "gozcu-gate", "name": "Gozcu gate"}
    assert (gate["username"], gate["streams"][0]["uri"]) == ("vms", fleet.url("gate"))
    assert (yard["trouble"], yard["suggestion"]) == ("refused", None)
    assert yard["problem"]["tr"].startswith("Kamera kullanıcı adını")
    where = f"/api/discovery/{done['id']}"
    picture = ayse.get(f"{where}/pictures/{gate['number']}.jpg")
    assert picture.content.startswith(b"\xff\xd8\xff")
    assert picture.headers["content-type"] == "image/jpeg"
    site.parts.trail.flush()
    looked = [one.entry for one in site.parts.audit.all(Query(what=(What.DISCOVERY,)))]
    assert any(one.who == "ayse" and "picture of 127.0.0.1" in one.detail for one in looked)
    wrong = ayse.post(f"{where}/cameras", json=[{"number": yard["number"]}])
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "0.id")
    chosen = {"number": gate["number"], "camera": {"name": "İtfaiye Önü", "id": "itfaiye-onu"}}
    made = ayse.post(f"{where}/cameras", json=[chosen])
    assert (made.status_code, made.json()) == (201, {"cameras": ["itfaiye-onu"]})
    camera = site.parts.cameras.get("itfaiye-onu").settings
    assert camera.password is not None
    assert (camera.password.reveal(), camera.name) == (CANARY, "İtfaiye Önü")
    again = ayse.get(where)
    assert again.json()["found"][gate["number"]]["camera"] == "itfaiye-onu"
    assert CANARY not in again.text + made.text
    site.clock.advance(KEPT + 1)
    assert ayse.get(where).status_code == 404
    assert ayse.get("/api/discovery").json() == []


def test_a_found_camera_is_tried_before_it_is_recorded(
    ayse: TestClient, site: WebSite, fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    _near(monkeypatch, fleet)
    done = _search(ayse, CANARY)
    by_name = {one["name"]: one for one in done["found"]}
    where = f"/api/discovery/{done['id']}/cameras"
    tried = ayse.post(f"{where}/{by_name['Gozcu gate']['number']}/test")
    assert tried.status_code == 200, tried.text
    (stream,) = tried.json()["streams"]
    assert (tried.json()["well"], stream["codec"], stream["width"]) == (True, "h264", 320)
    assert base64.b64decode(stream["picture"]).startswith(b"\xff\xd8\xff")
    assert CANARY not in tried.text
    refused = ayse.post(f"{where}/{by_name['Gozcu yard']['number']}/test")
    assert (refused.status_code, refused.json()["code"]) == (409, "refused")
    assert ayse.post(f"{where}/99/test").status_code == 404
    assert len(site.parts.cameras.list()) == 2  # those of before


def test_a_registered_camera_is_shown_to_nobody_from_whom_a_block_hides_it(
    ayse: TestClient, site: WebSite, fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    _near(monkeypatch, fleet)
    done = _search(ayse, CANARY)
    (gate,) = [one for one in done["found"] if one["name"] == "Gozcu gate"]
    where = f"/api/discovery/{done['id']}"
    chosen = {"number": gate["number"], "camera": {"id": "hidden"}}
    assert ayse.post(f"{where}/cameras", json=[chosen]).status_code == 201
    block = {"camera": "hidden", "reason": "case 7"}
    assert ayse.post("/api/blocks", json=block).status_code == 201
    tried = ayse.post(f"{where}/cameras/{gate['number']}/test")
    seen = ayse.get(f"{where}/pictures/{gate['number']}.jpg")
    assert [(one.status_code, one.json()["code"]) for one in (tried, seen)] == [
        (403, "blocked"),
        (403, "blocked"),
    ]


def test_where_a_camera_is_dialled_comes_from_the_search_alone(
    ayse: TestClient, fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    _near(monkeypatch, fleet)
    done = _search(ayse, CANARY)
    (gate,) = [one for one in done["found"] if one["name"] == "Gozcu gate"]
    said = {"source": "rtsp://10.9.9.9/x", "id": "park"}
    answer = ayse.post(
        f"/api/discovery/{done['id']}/cameras", json=[{"number": gate["number"], "camera": said}]
    )
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "0.source"
    taken = [{"number": gate["number"], "camera": {"id": "gate-north"}}]
    answer = ayse.post(f"/api/discovery/{done['id']}/cameras", json=taken)
    assert "taken" in answer.json()["errors"][0]["message"]


def test_one_search_at_a_time_and_it_can_be_stopped(
    ayse: TestClient, fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("web.api.discovery.PROBED", (fleet.discovery_port, 60.0))
    begun = ayse.post("/api/discovery", json={"multicast": False}).json()
    second = ayse.post("/api/discovery", json={"multicast": False})
    assert (second.status_code, "ayse is searching" in second.json()["detail"]) == (409, True)
    stopped = ayse.post(f"/api/discovery/{begun['id']}/stop")
    assert stopped.json()["state"] == "stopped"
    assert ayse.delete(f"/api/discovery/{begun['id']}").status_code == 204
    assert ayse.get("/api/discovery").json() == []
    third = ayse.post("/api/discovery", json={"multicast": False})
    assert third.status_code == 201
    ayse.delete(f"/api/discovery/{third.json()['id']}")


@pytest.mark.parametrize(
    ("order", "status", "said"),
    [
        ({"ranges": ["8.8.8.8"]}, 409, "allow under [network]"),
        ({"ranges": ["kamera"]}, 422, "no range"),
        ({"credentials": [{"username": "", "password": CANARY}]}, 422, "username"),
        ({"credentials": [{"username": "a", "password": CANARY * 20}]}, 422, "password"),
    ],
)
def test_what_can_not_be_searched_says_why(
    ayse: TestClient, order: dict[str, Any], status: int, said: str
) -> None:
    answer = ayse.post("/api/discovery", json=order)
    assert (answer.status_code, said in answer.text) == (status, True), answer.text
    assert CANARY not in answer.text


def test_an_address_is_tried_before_it_is_recorded(ayse: TestClient, fleet: Fleet) -> None:
    values = {"source": fleet.url("gate"), "username": "vms", "password": CANARY}
    answer = ayse.post("/api/cameras/test", json=values)
    assert answer.status_code == 200, answer.text
    assert CANARY not in answer.text
    tried = answer.json()
    (stream,) = tried["streams"]
    assert (tried["well"], stream["problem"], stream["codec"]) == (True, None, "h264")
    assert (stream["width"], stream["pictures"]["fps_of_camera"]) == (320, 12.0)
    assert base64.b64decode(stream["picture"]).startswith(b"\xff\xd8\xff")


def test_a_stored_password_is_tried_at_its_own_host_only(ayse: TestClient, fleet: Fleet) -> None:
    new = {"id": "gate", "source": fleet.url("gate"), "username": "vms", "password": "falsch-x"}
    assert ayse.post("/api/cameras", json=new).status_code == 201
    tried = ayse.post("/api/cameras/gate/test", json={}).json()
    assert tried["camera"] == "gate"
    assert tried["streams"][0]["problem"]["code"] == "refused"
    assert tried["streams"][0]["problem"]["tr"].startswith("Kamera kullanıcı adını")
    elsewhere = ayse.post("/api/cameras/gate/test", json={"source": "rtsp://10.255.255.1/x"})
    assert elsewhere.status_code == 422
    assert elsewhere.json()["errors"][0]["field"] == "password"
    wrong = ayse.post("/api/cameras/test", json={"source": "ftp://x"})
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "source")


def test_no_more_trials_run_than_the_machine_bears(
    ayse: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("web.api.trial.TRIALS_MAX", 0)
    answer = ayse.post("/api/cameras/test", json={"source": "rtsp://127.0.0.1:9/x"})
    assert (answer.status_code, answer.json()["code"]) == (503, "busy")
    assert answer.headers["retry-after"] == "5"


def test_operators_neither_search_nor_try(site: WebSite) -> None:
    session = site.sign_in()
    with TestClient(site.app, base_url="http://vms.test") as ali:
        ali.cookies.set("vms_session", session.token)
        ali.headers["X-CSRF-Token"] = session.csrf
        for answer in (
            ali.post("/api/discovery", json={}),
            ali.get("/api/discovery"),
            ali.post("/api/cameras/test", json={"source": "rtsp://10.0.0.5/x"}),
            ali.get("/api/registry/file"),
            ali.post("/api/registry/file", content=b"id\n"),
        ):
            assert (answer.status_code, answer.json()["code"]) == (403, "denied")


def test_the_registry_goes_out_as_a_file_and_comes_back(ayse: TestClient) -> None:
    out = ayse.get("/api/registry/file?form=csv&excel=true")
    assert out.headers["content-disposition"] == 'attachment; filename="cameras.csv"'
    assert "camera-secret" not in out.text
    assert ayse.post("/api/registry/file", content=out.content).json() == []
    sheet = "id;name;source\r\npark-1;Şehir Parkı;rtsp://10.0.0.9/main\r\n".encode()
    tried = ayse.post("/api/registry/file?dry_run=true", content=sheet)
    assert tried.json() == [{"camera": "park-1", "kind": "added", "fields": []}]
    assert ayse.get("/api/cameras/park-1").status_code == 404
    assert ayse.post("/api/registry/file", content=sheet).json() == tried.json()
    toml = ayse.get("/api/registry/file?form=toml")
    assert "Şehir Parkı" in toml.text
    assert ayse.post("/api/registry/file?form=toml", content=toml.content).json() == []


@pytest.mark.parametrize(
    ("form", "content", "said"),
    [
        ("csv", b"id,source\nX Y,rtsp://10.0.0.1/\n", "cameras.csv:2: column 1 id"),
        ("csv", b"\xff\xfe", "not UTF-8"),
        ("toml", b'[[cameras]]\nid = "a"\nsource = "rtsp://h/"\nsecret = "/etc/passwd"\n',
         "names a file of the server"),
        ("toml", b'[[cameras]]\nid = "a"\nsource = "rtsp://h/"\npassword = "${HOME}"\n',
         "the environment has no HOME"),
        ("toml", b"[[cameras", "is not TOML"),
    ],
)  # fmt: skip
def test_a_wrong_file_changes_nothing(
    ayse: TestClient, form: str, content: bytes, said: str
) -> None:
    answer = ayse.post(f"/api/registry/file?form={form}", content=content)
    assert answer.status_code in (409, 422)
    assert said in answer.json()["detail"]
    assert len(ayse.get("/api/registry").json()) == 2


def test_an_imported_address_does_not_get_a_stored_password(ayse: TestClient) -> None:
    new = {"id": "gate", "source": "rtsp://10.0.0.5/x", "username": "vms", "password": CANARY}
    assert ayse.post("/api/cameras", json=new).status_code == 201
    sheet = b"id,source\ngate,rtsp://10.9.9.9/x\n"
    answer = ayse.post("/api/registry/file", content=sheet)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "password")
