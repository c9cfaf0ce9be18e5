"""TLS as it is served: own and given certificates, old protocols refused, a new pair without a
connection dropped, and live pictures over it; openssl is the peer."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import os
import ssl
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from websockets.sync.client import connect

from tests.web.api.test_live import GATE, live_process
from tests.web.site import Served, WebSite, serve_web_site
from vms.core.config import Settings, WebSettings
from vms.core.errors import ConfigError
from web import certificate
from web.app import create_app
from web.certificate import pair_of
from web.console import Console


def secured(site: WebSite, **web: object) -> WebSite:
    """The same site, speaking TLS."""
    base = site.parts.settings
    settings = base.model_copy(update={"web": WebSettings.model_validate(web)})
    parts = replace(site.parts, settings=settings)
    return replace(site, parts=parts, app=create_app(parts, Console(site.static)))


def anybody() -> ssl.SSLContext:
    """Trusts every certificate: what is looked at here is which one it is."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


@pytest.fixture
def served(site: WebSite) -> Iterator[Served]:
    with serve_web_site(secured(site, tls="self-signed")) as served:
        yield served


def asked(served: Served, path: str = "/healthz") -> http.client.HTTPResponse:
    connection = http.client.HTTPSConnection("127.0.0.1", served.port, context=anybody())
    with contextlib.closing(connection):
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
        return answer


def fingerprint(port: int) -> str:
    """Of the certificate that is shown, as openssl sees it."""
    shown = openssl(port)
    found = subprocess.run(
        ["openssl", "x509", "-noout", "-fingerprint", "-sha256"],
        input=shown.stdout, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    return found.stdout.strip().partition("=")[2]


def openssl(port: int, *more: str) -> subprocess.CompletedProcess[str]:
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", *more]
    return subprocess.run(command, input="", capture_output=True, text=True, timeout=60)


def test_a_pair_of_its_own_is_made_once_and_its_fingerprint_told(site: WebSite) -> None:
    own = secured(site, tls="self-signed").parts.settings
    pair = pair_of(own)
    assert pair is not None
    assert pair.own
    assert pair.key.stat().st_mode & 0o77 == 0
    assert pair.key.parent.stat().st_mode & 0o77 == 0
    again = pair_of(own)
    assert again is not None
    assert again.fingerprint == pair.fingerprint
    with serve_web_site(secured(site, tls="self-signed")) as served:
        assert fingerprint(served.port) == pair.fingerprint
        assert "TLSv1.3" in openssl(served.port).stdout


def test_old_protocols_are_refused(served: Served) -> None:
    for version in ("-tls1", "-tls1_1"):
        old = openssl(served.port, version, "-cipher", "DEFAULT@SECLEVEL=0")
        assert "Cipher is (NONE)" in old.stdout or old.returncode != 0, version
    assert openssl(served.port, "-tls1_2").returncode == 0


def test_over_tls_browsers_are_told_to_stay_and_the_cookie_is_secure(
    served: Served, site: WebSite
) -> None:
    answer = asked(served)
    assert answer.status == 200
    assert answer.headers["strict-transport-security"].startswith("max-age=31536000")
    connection = http.client.HTTPSConnection("127.0.0.1", served.port, context=anybody())
    with contextlib.closing(connection):
        body = '{"username": "ali", "password": "correct horse battery"}'
        connection.request("POST", "/api/session", body, {"Content-Type": "application/json"})
        cookie = connection.getresponse().headers["set-cookie"]
    assert {"HttpOnly", "Secure"} <= {part.strip() for part in cookie.split(";")}
    assert "SameSite=strict" in cookie
    with serve_web_site(site) as plain:
        connection = http.client.HTTPConnection("127.0.0.1", plain.port)
        with contextlib.closing(connection):
            connection.request("GET", "/healthz")
            assert "strict-transport-security" not in connection.getresponse().headers


def _given(folder: Path, name: str) -> tuple[Path, Path]:
    """A pair from openssl, as an administrator brings it."""
    key, file = folder / "given.key", folder / "given.pem"
    fresh = [folder / f"{name}.key", folder / f"{name}.pem"]
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-days", "9", "-subj", f"/CN={name}", "-keyout", str(fresh[0]),
         "-out", str(fresh[1])], check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    fresh[0].replace(key)
    fresh[1].replace(file)
    return file, key


def test_a_new_pair_is_shown_without_dropping_a_connection(
    site: WebSite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(certificate, "LOOK_EVERY_S", 0.1)
    file, key = _given(tmp_path, "first")
    with serve_web_site(secured(site, tls_certificate=file, tls_key=key)) as served:
        connection = http.client.HTTPSConnection("127.0.0.1", served.port, context=anybody())
        with contextlib.closing(connection):
            connection.request("GET", "/healthz")
            connection.getresponse().read()
            kept = connection.sock
            before = fingerprint(served.port)
            key.write_text("half a file")  # a copy that is under way changes nothing
            time.sleep(0.3)
            assert fingerprint(served.port) == before
            _given(tmp_path, "second")
            until = time.monotonic() + 60
            while fingerprint(served.port) == before:
                assert time.monotonic() < until
            connection.request("GET", "/healthz")
            assert connection.getresponse().status == 200
            assert connection.sock is kept


def test_files_that_can_not_be_used_are_refused_at_start(site: WebSite, tmp_path: Path) -> None:
    file, key = _given(tmp_path, "first")
    other = tmp_path / "other.key"
    other.write_text("no key")
    for wrong in ((file, other), (tmp_path / "none.pem", key)):
        settings = secured(site, tls_certificate=wrong[0], tls_key=wrong[1]).parts.settings
        with pytest.raises(ConfigError, match="can't be used"):
            pair_of(settings)
    with pytest.raises(ValueError, match="belong together"):
        WebSettings(tls_certificate=file)


@pytest.mark.parametrize(
    ("web", "secure"),
    [
        ({"listen": "127.0.0.1:8080"}, False), ({"listen": "localhost:8080"}, False),
        ({"listen": "0.0.0.0:8080"}, True), ({"listen": "10.0.0.9:443"}, True),
        ({"listen": "[::]:443"}, True), ({"listen": "[::1]:443"}, False),
        ({"listen": "0.0.0.0:8080", "tls": "off"}, False), ({"tls": "self-signed"}, True),
    ],
)  # fmt: skip
def test_whoever_else_can_connect_gets_tls(web: dict[str, str], secure: bool) -> None:
    assert WebSettings.model_validate(web).is_tls is secure


def test_live_pictures_go_over_tls_too(site: WebSite) -> None:
    picture = os.urandom(3_000_000)
    with serve_web_site(secured(site, tls="self-signed")) as served, live_process(site) as live:
        live.greeting = picture
        url = f"wss://127.0.0.1:{served.port}{GATE}/live/mse"
        with connect(
            url, additional_headers=served.headers, ssl=anybody(), max_size=None, compression=None
        ) as socket:
            assert socket.recv(timeout=60) == 'video/mp4; codecs="avc1.64001F"'
            assert (
                hashlib.sha256(socket.recv(timeout=60)).digest() == hashlib.sha256(picture).digest()
            )  # type: ignore[arg-type]
            socket.send("hello")
        assert asked(served).status == 200


def test_settings_are_kept_for_a_second_start(site: WebSite, tmp_path: Path) -> None:
    file, key = _given(tmp_path, "first")
    settings = secured(site, tls_certificate=file, tls_key=key).parts.settings
    assert Settings.model_validate_json(settings.model_dump_json()).web == settings.web
