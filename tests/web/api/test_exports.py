"""Exports over HTTP: asked for, seen by whose they are, fetched whole and in ranges."""

from __future__ import annotations

from pathlib import Path

import pytest
from starlette.testclient import TestClient

from tests.web.api.test_rights import with_token
from tests.web.site import WebSite
from vms.core.clock import SECOND, rfc3339
from vms.people.tokens import TokenOrder, narrowing

URL = "/api/exports"


@pytest.fixture
def admin(site: WebSite, client: TestClient) -> TestClient:
    return signed_in(site, client, "zehra", "admin")


def signed_in(site: WebSite, client: TestClient, name: str, role: str) -> TestClient:
    account = site.parts.accounts.add(name, "correct horse battery", role=role)
    session = site.parts.sessions.start(account, "10.0.0.9")
    client.cookies.set("vms_session", session.token)
    client.headers["X-CSRF-Token"] = session.csrf
    return client


def wanted(site: WebSite, **more: object) -> dict[str, object]:
    now = site.clock.now()
    return {
        "cameras": ["gate-north"],
        "start": rfc3339(now - 60 * SECOND),
        "end": rfc3339(now - 10 * SECOND),
        "reason": "2026/12 soruşturma",
        "language": "tr",
        **more,
    }


def finish(site: WebSite, id_: str, data: bytes) -> Path:
    """What the custodian does."""
    assert site.parts.exports.take() is not None
    path = site.parts.settings.system.data / "exports" / f"{id_}.zip"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)
    assert site.parts.exports.finish(id_, len(data), 1_000)
    return path


def test_an_export_is_asked_for_and_listed(site: WebSite, admin: TestClient) -> None:
    answer = admin.post(URL, json=wanted(site))
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert (made["state"], made["made_by"], made["done"], made["total"]) == (
        "waiting",
        "zehra",
        0,
        0,
    )
    assert (made["size"], made["error"], made["cameras"]) == (None, None, ["gate-north"])
    assert admin.get(URL).json() == [made]
    assert admin.get(f"{URL}/{made['id']}").json() == made


def test_an_operator_may_not(ali: TestClient, site: WebSite) -> None:
    assert ali.get(URL).status_code == 403
    assert ali.post(URL, json=wanted(site)).status_code == 403


def test_the_password_is_never_told(site: WebSite, admin: TestClient) -> None:
    answer = admin.post(URL, json=wanted(site, password="gizli"))
    assert answer.status_code == 201
    assert "gizli" not in answer.text + admin.get(URL).text
    refused = admin.post(URL, json=wanted(site, password="gizli", language="xx"))
    assert refused.status_code == 422
    assert "gizli" not in refused.text


@pytest.mark.parametrize(
    ("more", "status", "code"),
    [
        ({"cameras": ["nobody"]}, 404, "not_found"),
        ({"cameras": ["../etc"]}, 404, "not_found"),
        ({"cameras": []}, 422, "bad_order"),
        ({"start": "2030-01-01T00:00:00Z", "end": "2030-01-01T01:00:00Z"}, 422, "future"),
        ({"start": "2025-01-02T00:00:00Z", "end": "2025-01-01T01:00:00Z"}, 422, "bad_span"),
        ({"start": "yesterday"}, 422, "validation"),
        ({"password": ""}, 422, "validation"),
    ],
)
def test_what_cant_be_is_a_problem_document(
    site: WebSite, admin: TestClient, more: dict[str, object], status: int, code: str
) -> None:
    answer = admin.post(URL, json=wanted(site, **more))
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert admin.get(URL).json() == []


def test_a_package_is_fetched_whole_and_in_ranges(site: WebSite, admin: TestClient) -> None:
    id_ = admin.post(URL, json=wanted(site)).json()["id"]
    early = admin.get(f"{URL}/{id_}/file")
    assert (early.status_code, early.json()["code"]) == (409, "not_done")
    data = bytes(range(256)) * 40
    path = finish(site, id_, data)
    facts = admin.get(f"{URL}/{id_}").json()
    assert (facts["state"], facts["size"]) == ("done", len(data))
    whole = admin.get(f"{URL}/{id_}/file")
    assert (whole.status_code, whole.content) == (200, data)
    assert whole.headers["content-type"] == "application/zip"
    assert whole.headers["cache-control"] == "no-store"
    assert "filename*=UTF-8''Deneme%20" in whole.headers["content-disposition"]
    part = admin.get(f"{URL}/{id_}/file", headers={"Range": "bytes=100-199"})
    assert (part.status_code, part.content) == (206, data[100:200])
    assert part.headers["content-range"] == f"bytes 100-199/{len(data)}"
    beyond = admin.get(f"{URL}/{id_}/file", headers={"Range": "bytes=999999-"})
    assert beyond.status_code == 416
    path.unlink()
    assert admin.get(f"{URL}/{id_}/file").status_code == 404


def test_an_export_is_stopped_then_removed(site: WebSite, admin: TestClient) -> None:
    id_ = admin.post(URL, json=wanted(site)).json()["id"]
    assert admin.delete(f"{URL}/{id_}").status_code == 204
    assert admin.get(f"{URL}/{id_}").json()["state"] == "cancelled"
    assert admin.delete(f"{URL}/{id_}").status_code == 204
    assert admin.get(f"{URL}/{id_}").status_code == 404
    assert admin.delete(f"{URL}/{id_}").status_code == 404
    assert admin.get(f"{URL}/..%2Fsecrets").status_code in (404, 422)


def test_who_may_export_but_is_no_admin_sees_their_own(site: WebSite, admin: TestClient) -> None:
    id_ = admin.post(URL, json=wanted(site)).json()["id"]
    other = signed_in(site, admin, "omer", "investigator")
    assert other.get(URL).json() == []
    for answer in (
        other.get(f"{URL}/{id_}"),
        other.get(f"{URL}/{id_}/file"),
        other.delete(f"{URL}/{id_}"),
    ):
        assert answer.status_code == 404
    own = other.post(URL, json=wanted(site)).json()
    assert [job["id"] for job in other.get(URL).json()] == [own["id"]]


def test_a_name_that_became_free_brings_no_packages(site: WebSite, admin: TestClient) -> None:
    omer = signed_in(site, admin, "omer", "investigator")
    id_ = omer.post(URL, json=wanted(site)).json()["id"]
    site.parts.accounts.remove("omer")
    again = signed_in(site, admin, "omer", "investigator")
    assert again.get(URL).json() == []
    assert again.get(f"{URL}/{id_}/file").status_code == 404


def test_a_narrowed_token_sees_exports_of_its_cameras_only(
    site: WebSite, admin: TestClient
) -> None:
    here = admin.post(URL, json=wanted(site)).json()["id"]
    both = admin.post(URL, json=wanted(site, cameras=["gate-north", "gate-south"])).json()["id"]
    order = TokenOrder("robot", narrowed=narrowing(["export"], ["gate-north"]))
    program = with_token(site, "zehra", order)
    assert [job["id"] for job in program.get(URL).json()] == [here]
    assert program.get(f"{URL}/{both}").status_code == 404
    assert program.delete(f"{URL}/{both}").status_code == 404
    assert program.delete(f"{URL}/{here}").status_code == 204
    assert admin.get(f"{URL}/{both}").json()["state"] == "waiting"
