"""An OpenID provider that runs by itself: oidc-provider-mock, with what it lacks put in front.

`python -m tests.people.provider [TOKEN_AGE_S]` prints its port and ends with its standard input.
In front of it PKCE is checked, which it does not do itself, and PUT /crooked makes it lie.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import io
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx2

StartResponse = Callable[..., Any]
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Provider:
    """One that runs."""

    issuer: str

    def set_user(self, sub: str, **claims: Any) -> None:
        httpx2.put(f"{self.issuer}/users/{sub}", json=claims).raise_for_status()

    def crooked(self, how: str) -> None:
        httpx2.put(f"{self.issuer}/crooked", content=how).raise_for_status()

    def approve(self, place: str, sub: str) -> str:
        """What a person does there: where the browser is sent back to."""
        answer = httpx2.post(place, data={"sub": sub})
        assert answer.status_code in (302, 303), answer.text[:500]
        return str(answer.headers["location"])

    def deny(self, place: str) -> str:
        return str(httpx2.post(place, data={"action": "deny"}).headers["location"])


@contextlib.contextmanager
def provider(token_age_s: int = 3_600) -> Iterator[Provider]:
    """One in a process of its own, on a free port of the loopback."""
    command = [sys.executable, "-W", "ignore", "-m", "tests.people.provider", str(token_age_s)]
    environment = {**os.environ, "AUTHLIB_INSECURE_TRANSPORT": "1"}
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stdin is not None
        try:
            yield Provider(f"http://127.0.0.1:{int(process.stdout.readline())}")
        finally:
            process.stdin.close()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()


class Front:
    """WSGI in front of the mock."""

    def __init__(self, app: Any) -> None:
        self._app, self._crooked = app, ""
        self._challenges: dict[str, str] = {}  # by redirect's code

    def __call__(self, environ: dict[str, Any], start: StartResponse) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path == "/crooked":
            self._crooked = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])).decode()
            return _said(start, "200 OK", b"{}")
        if path == "/oauth2/authorize" and environ["REQUEST_METHOD"] == "POST":
            return self._authorize(environ, start)
        if path == "/oauth2/token":
            return self._token(environ, start)
        if path.startswith("/.well-known/"):
            return self._description(environ, start)
        return self._app(environ, start)

    def _asked(self, environ: dict[str, Any]) -> tuple[str, list[tuple[str, str]], bytes]:
        told: list[Any] = []

        def keep(status: str, headers: list[tuple[str, str]], *rest: Any) -> None:
            told[:] = [status, headers]

        answer = self._app(environ, keep)
        try:
            body = b"".join(answer)
        finally:
            if hasattr(answer, "close"):
                answer.close()
        return told[0], told[1], body

    def _authorize(self, environ: dict[str, Any], start: StartResponse) -> Iterable[bytes]:
        query = {name: one[0] for name, one in parse_qs(environ["QUERY_STRING"]).items()}
        assert query.get("code_challenge_method") == "S256"
        if self._crooked == "nonce":
            query["nonce"] = "another"
        if self._crooked == "audience":
            query["client_id"] = "another"
        environ["QUERY_STRING"] = urlencode(query)
        status, headers, body = self._asked(environ)
        location = {name.lower(): value for name, value in headers}.get("location", "")
        code = parse_qs(urlsplit(location).query).get("code", [""])[0]
        if code:
            self._challenges[code] = query["code_challenge"]
        start(status, headers)
        return [body]

    def _token(self, environ: dict[str, Any], start: StartResponse) -> Iterable[bytes]:
        body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        form = {name: one[0] for name, one in parse_qs(body.decode()).items()}
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        if self._challenges.get(form.get("code", "")) != challenge:
            return _said(start, "400 Bad Request", b'{"error": "invalid_grant"}')
        if self._crooked == "redirect":
            start("302 Found", [("Location", "http://127.0.0.1:1/token")])
            return [b""]
        if self._crooked == "large":
            return _said(start, "200 OK", b'{"a": "' + b"x" * 2_000_000 + b'"}')
        if self._crooked == "audience":
            basic = base64.b64encode(b"another:secret").decode()
            environ["HTTP_AUTHORIZATION"] = f"Basic {basic}"
        environ["wsgi.input"] = io.BytesIO(body)
        status, headers, answer = self._asked(environ)
        if status.startswith("200"):
            told = json.loads(answer)
            told["id_token"] = self._token_bent(told["id_token"])
            return _said(start, status, json.dumps(told).encode())
        start(status, headers)
        return [answer]

    def _token_bent(self, token: str) -> str:
        head, claims, signature = token.split(".")
        if self._crooked == "signature":
            return f"{head}.{claims}.{signature[::-1]}"
        if self._crooked == "unsigned":
            none = base64.urlsafe_b64encode(b'{"alg":"none"}').decode().rstrip("=")
            return f"{none}.{claims}."
        if self._crooked == "claims":
            filled = json.loads(base64.urlsafe_b64decode(claims + "=="))
            filled["groups"] = ["vms-admins"]
            bent = base64.urlsafe_b64encode(json.dumps(filled).encode()).decode().rstrip("=")
            return f"{head}.{bent}.{signature}"
        return token

    def _description(self, environ: dict[str, Any], start: StartResponse) -> Iterable[bytes]:
        status, _, body = self._asked(environ)
        told = json.loads(body)
        if self._crooked == "issuer":
            told["issuer"] = "http://127.0.0.1:1"
        if self._crooked == "elsewhere":
            told["token_endpoint"] = "http://localhost:1/token"
        return _said(start, status, json.dumps(told).encode())


def _said(start: StartResponse, status: str, body: bytes) -> Iterable[bytes]:
    start(status, [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]


def _main(token_age_s: int) -> None:
    from datetime import timedelta

    import oidc_provider_mock
    import werkzeug.serving

    app = oidc_provider_mock.app(access_token_max_age=timedelta(seconds=token_age_s))
    server = werkzeug.serving.make_server("127.0.0.1", 0, Front(app), threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.1,))
    thread.start()
    print(server.server_port, flush=True)
    sys.stdin.read()
    server.shutdown()
    thread.join()


if __name__ == "__main__":
    _main(int(sys.argv[1]))
