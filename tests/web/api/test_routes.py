"""Every route says who may use it; every error is a problem document; every answer is guarded."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator, Sequence
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute, APIWebSocketRoute
from starlette.testclient import TestClient

from tests.web.site import Served, WebSite, serve_web_site
from vms.people.permissions import Permission
from web.app import openapi_document
from web.connections import PromptHttp
from web.permit import Open, Permit, same_origin

OPEN = {
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("POST", "/api/session"),
    ("GET", "/api/session/ways"),
    ("GET", "/api/session/oidc"),
    ("GET", "/api/session/oidc/callback"),
    ("POST", "/api/session/oidc/code"),
}


def routes_of(app: FastAPI) -> Iterator[APIRoute | APIWebSocketRoute]:
    """All that the running application answers, whichever way it was added."""
    yield from _routes(app.routes)


def _routes(found: Sequence[Any]) -> Iterator[APIRoute | APIWebSocketRoute]:
    for route in found:
        within = getattr(route, "original_router", None)  # FastAPI's included router
        if within is not None:
            yield from _routes(within.routes)
            continue
        assert isinstance(route, APIRoute | APIWebSocketRoute), f"who may use {route}?"
        yield route


def declared(dependant: Any) -> Permit | Open | None:
    for child in dependant.dependencies:
        if isinstance(child.call, Permit | Open):
            return child.call
        found = declared(child)
        if found is not None:
            return found
    return None


def test_every_route_declares_who_may_use_it(site: WebSite) -> None:
    open_routes, seen = set(), set()
    for route in routes_of(site.app):
        found = declared(route.dependant)
        assert found is not None, f"{route.path} declares neither Permit nor Open"
        seen.add(route.path)
        if isinstance(found, Open):
            open_routes |= {(method, route.path) for method in getattr(route, "methods", ["WS"])}
    assert open_routes == OPEN
    assert "/api/cameras/{camera}/live/mse" in seen
    assert "/api/cameras/{camera}/segments/{start_ns}.mp4" in seen


def test_a_route_that_is_added_past_the_routers_is_seen(site: WebSite) -> None:
    before = len(list(routes_of(site.app)))

    @site.app.get("/api/late")
    def late() -> None: ...

    found = [route for route in routes_of(site.app) if route.path == "/api/late"]
    assert len(list(routes_of(site.app))) == before + 1 > 100
    assert declared(found[0].dependant) is None  # the test above fails on it
    site.app.mount("/files", FastAPI())
    with pytest.raises(AssertionError, match="who may use"):
        list(routes_of(site.app))


def test_pictures_need_their_own_permission(site: WebSite) -> None:
    for route in routes_of(site.app):
        if route.path.endswith(
            ("/settings", "/replace", "/history", "/health", "/health/view", "/test", "/motion")
        ):
            continue  # what a camera is, not what it sees
        found = declared(route.dependant)
        if "/device" in route.path or "/ptz" in route.path:
            continue  # who may steer, and who may change a device: tests/web/api/test_ptz, _device
        if "/live/" in route.path:
            assert isinstance(found, Permit)
            assert found.permission is Permission.LIVE
        elif "/events" in route.path and "GET" not in (route.methods or ()):
            assert isinstance(found, Permit)
            assert found.permission is Permission.EVENTS
        elif route.path.endswith("/frame.jpg"):
            assert isinstance(found, Permit)
            assert found.permission is Permission.SNAPSHOT
        elif "{camera}/" in route.path:
            assert isinstance(found, Permit)
            assert found.permission is Permission.ARCHIVE


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/api/nothing", 404, "not_found"),
        ("POST", "/api/nothing", 404, "not_found"),
        ("PUT", "/api/session", 405, "method_not_allowed"),
        ("GET", "/api/cameras/unknown", 404, "not_found"),
        ("GET", "/api/cameras/..%2f..%2fetc", 404, "not_found"),
        ("GET", "/api/cameras/Gate%20North", 404, "not_found"),
        ("POST", "/somewhere", 405, "method_not_allowed"),
    ],
)
def test_errors_are_problem_documents(
    ali: TestClient, method: str, path: str, status: int, code: str
) -> None:
    answer = ali.request(method, path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert (body["status"], body["code"]) == (status, code)
    assert body["detail"]
    assert body["title"]
    if status == 405:
        assert answer.headers["allow"]


def test_a_bug_shows_an_id_and_no_traceback(site: WebSite, ali: TestClient) -> None:
    import structlog

    @site.app.get("/api/bug")
    def bug() -> None:
        raise RuntimeError("inner workings")

    with structlog.testing.capture_logs() as lines:
        answer = ali.get("/api/bug")
    body = answer.json()
    assert (answer.status_code, body["code"]) == (500, "internal")
    assert "inner workings" not in answer.text
    assert lines[0]["error_id"] == body["error_id"]
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_every_answer_is_guarded(ali: TestClient) -> None:
    for path in ("/", "/api/cameras", "/api/nothing", "/healthz"):
        headers = ali.get(path).headers
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
    assert ali.get("/api/cameras").headers["cache-control"] == "no-store"


def test_json_is_compressed(ali: TestClient) -> None:
    assert ali.get("/api/cameras").headers.get("content-encoding") == "gzip"


@pytest.mark.parametrize(
    ("origin", "host", "same"),
    [
        ("http://vms.test", "vms.test", True),
        ("https://vms.test", "vms.test:443", True),
        ("https://vms.test", "vms.test", True),
        ("http://vms.test:8080", "vms.test:8080", True),
        ("http://vms.test:8080", "vms.test", False),
        ("http://[::1]:8080", "[::1]:8080", True),
        ("http://evil.test", "vms.test", False),
        ("null", "vms.test", False),
        ("http://vms.test:x", "vms.test", False),
    ],
)
def test_same_origin(origin: str, host: str, same: bool) -> None:
    assert same_origin(origin, host) is same


def test_the_openapi_document_lists_the_contract(ali: TestClient) -> None:
    document = openapi_document()
    for path in (
        "/api/session",
        "/api/cameras",
        "/api/cameras/{camera}",
        "/api/cameras/{camera}/live/whep",
        "/api/cameras/{camera}/timeline",
        "/api/cameras/{camera}/playback.m3u8",
        "/api/cameras/{camera}/frame.jpg",
    ):
        assert path in document["paths"]
    assert document["paths"]["/api/session"]["post"]["security"] == []
    assert document["paths"]["/api/cameras"]["get"]["security"]
    assert ali.get("/api/openapi.json").json() == document


def test_a_body_without_bound_is_refused(ali: TestClient) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(100):
            yield b"x" * 100_000

    json_type = {"Content-Type": "application/json"}
    for body in (b"x" * 2_000_000, endless()):
        answer = ali.post("/api/session", content=body, headers=json_type)
        assert (answer.status_code, answer.headers["content-type"]) == (
            413,
            "application/problem+json",
        )


def test_what_the_build_notes_for_itself_is_not_served(site: WebSite, ali: TestClient) -> None:
    site.static.mkdir(exist_ok=True)
    (site.static / "index.html").write_text("<p>the page</p>")
    (site.static / ".sources.sha256").write_text("0123")
    assert "0123" not in ali.get("/.sources.sha256").text


def first_words(served: Served, said: bytes) -> bytes:
    """What the server answers before it closes."""
    with socket.create_connection(("127.0.0.1", served.port), timeout=5) as sock:
        heard = b""
        try:
            sock.sendall(said)
            while piece := sock.recv(65_536):
                heard += piece
        except ConnectionError:  # it closed before all was sent
            pass
        return heard


def test_an_endless_head_is_refused_and_not_kept(site: WebSite) -> None:
    with serve_web_site(site) as served:
        heard = first_words(served, b"GET / HTTP/1.1\r\nX: " + b"a" * 4_000_000)
        assert heard == b"" or heard.startswith(b"HTTP/1.1 431 ")
        heard = first_words(served, b"GET / HTTP/1.1\r\n" + b"X: a\r\n" * 200_000)
        assert heard == b"" or heard.startswith(b"HTTP/1.1 431 ")


def test_what_is_no_http_gets_a_problem_document(site: WebSite) -> None:
    with serve_web_site(site) as served:
        heard = first_words(served, b"NONSENSE / HTTP/1.1\r\nHost: x\r\n\r\n")
        head, _, body = heard.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 400 Bad Request\r\n")
        assert b"application/problem+json" in head
        assert json.loads(body)["code"] == "bad_request"


def test_a_websocket_request_that_cannot_be_read_is_answered(site: WebSite) -> None:
    head = (
        b"GET /api/cameras/gate/live/mse HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
        b"Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        b"Sec-WebSocket-Version: 13\r\nX: " + b"a" * 20_000 + b"\r\n\r\n"
    )
    with serve_web_site(site) as served:
        heard = first_words(served, head)
        assert heard.startswith(b"HTTP/1.1 400 ")
        assert b"can't be read" in heard


def test_a_silent_connection_is_closed(site: WebSite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PromptHttp, "head_within_s", 0.2)
    with serve_web_site(site) as served:
        for said in (b"", b"GET / HTTP/1.1\r\nHost: x\r\n"):
            with socket.create_connection(("127.0.0.1", served.port), timeout=5) as sock:
                sock.sendall(said)
                assert sock.recv(100) == b""
        assert httpx2.get(f"{served.url}/healthz").status_code == 200


def test_a_body_that_does_not_come_frees_its_place(
    site: WebSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who signs nobody in must not keep people out of the control room by beginning to."""
    monkeypatch.setattr(PromptHttp, "body_within_s", 0.2)
    head = b"POST /api/session HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    with serve_web_site(site) as served:
        with socket.create_connection(("127.0.0.1", served.port), timeout=5) as sock:
            sock.sendall(head + b'Content-Length: 90\r\n\r\n{"username":')
            assert sock.recv(100) == b""
        with socket.create_connection(("127.0.0.1", served.port), timeout=5) as sock:
            sock.sendall(head + b"Content-Length: 2\r\n\r\n{}")
            assert sock.recv(12) == b"HTTP/1.1 422"
            time.sleep(0.4)
            sock.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            while b"200 OK" not in sock.recv(65_536):
                pass
