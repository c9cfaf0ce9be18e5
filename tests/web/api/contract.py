"""The API against its own description: requests made up by schemathesis, sent as every role.

Sent straight into the ASGI application, over a real database and real footage; each request goes
out as all roles at once, so that what one does meets what the others do.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import hypothesis
import schemathesis
import uvloop
from fastapi import FastAPI
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

CHECKS = [
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
# Who does not answer is told as such, and is no fault of the server's: no live process runs here.
UNREACHABLE = {"live_down", "onvif", "camera", "busy"}
HOST = "vms.test"

for media in ("application/sdp", "text/csv", "application/toml"):

    @schemathesis.serializer(media)
    def _as_it_is(ctx: Any, value: Any) -> bytes:
        return value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer."""

    status: int
    headers: Mapping[str, str]
    content: bytes


@dataclass
class Told:
    """What came of it all."""

    sent: Counter[str] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        total, broken = self.sent.total(), len(self.wrong)
        by_role = ", ".join(f"{role} {count}" for role, count in sorted(self.sent.items()))
        return f"{total} requests ({by_role}), {broken} server errors or contract breaks"


async def send(
    app: FastAPI, method: str, url: str, headers: Mapping[str, str], body: bytes, address: str
) -> Answer:
    """One request to the application, and its whole answer."""
    path, _, query = url.partition("?")
    start: dict[str, Any] = {}
    pieces: list[bytes] = []
    waiting = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def receive() -> dict[str, Any]:
        message = next(waiting, None)
        if message is None:  # the client stays on the line until it is answered
            await asyncio.Event().wait()
        assert message is not None
        return message

    async def take(message: Any) -> None:
        if message["type"] == "http.response.start":
            start.update(message)
        elif message["type"] == "http.response.body":
            pieces.append(message.get("body", b""))

    heads = [(name.lower().encode(), _latin(value)) for name, value in headers.items()]
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method,
        "scheme": "http", "path": _unquoted(path), "raw_path": path.encode(), "root_path": "",
        "query_string": query.encode(), "client": (address, 40_000), "server": (HOST, 80),
        "headers": [(b"host", HOST.encode()), *heads], "extensions": {},
    }  # fmt: skip
    # The outermost part of Starlette raises a bug again after it was answered.
    with contextlib.suppress(Exception):
        await app(scope, receive, take)
    if not start:
        return Answer(599, {}, b"no answer at all")
    found = {name.decode(): value.decode("latin-1") for name, value in start.get("headers", [])}
    return Answer(start["status"], found, b"".join(pieces))


def _unquoted(path: str) -> str:
    from urllib.parse import unquote

    return unquote(path)


def _latin(value: str) -> bytes:
    return value.encode("latin-1", "replace").replace(b"\r", b" ").replace(b"\n", b" ")


class Contract:
    """The application and everybody who uses it. `known`: what to ask of where a request names
    something, each request again with it: what nobody knows is refused before anything happens."""

    def __init__(
        self, app: FastAPI, roles: Mapping[str, str], known: Mapping[str, Sequence[str]]
    ) -> None:
        self._app, self._roles, self._known = app, roles, known
        self._loop = uvloop.new_event_loop()
        # One task lives as long as the loop, as in a server: AnyIO keeps its threads by it.
        self._serving = threading.Thread(
            target=self._loop.run_until_complete, args=(self._serve(),)
        )
        self._began, self._over = threading.Event(), asyncio.Event()
        self._random = random.Random(5)
        self.told = Told()

    def __enter__(self) -> Contract:
        self._serving.start()
        assert self._began.wait(30)
        return self

    def __exit__(self, *exc: object) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._serving.join(30)
        self._loop.close()

    async def _serve(self) -> None:
        async with self._app.router.lifespan_context(self._app):
            self._began.set()
            await self._over.wait()
        await self._loop.shutdown_default_executor()

    def try_all(self, schema: Any, examples: int, *, derandomize: bool = True) -> Told:
        """Every operation, with so many requests made up for each, sent as every role."""
        for found in schema.get_all_operations():
            self._try(found.ok(), examples, derandomize=derandomize)
        return self.told

    def _try(self, operation: Any, examples: int, *, derandomize: bool) -> None:
        takes = (
            "requestBody" in operation.definition.raw or "parameters" in operation.definition.raw
        )
        modes = [GenerationMode.POSITIVE, *([GenerationMode.NEGATIVE] if takes else [])]
        cases = st.one_of([operation.as_strategy(generation_mode=mode) for mode in modes])
        left = iter(range(examples))

        @hypothesis.settings(
            max_examples=examples,
            deadline=None,
            database=None,
            derandomize=derandomize,
            phases=[hypothesis.Phase.generate],
            suppress_health_check=list(hypothesis.HealthCheck),
        )
        @hypothesis.given(cases)
        def run(case: Any) -> None:
            next(left, None)
            self._send(case)
            for _ in range(2):
                if self._use_what_is_known(case):
                    self._send(case)

        run()
        if (empty := operation.Case() if not takes else None) is not None:
            for _ in left:  # without parameters there is one request only: again, as time goes by
                self._send(empty)

    def _send(self, case: Any) -> None:
        sent = case.as_transport_kwargs(base_url=f"http://{HOST}")
        url, body, headers = _wire(sent)
        asked = [
            send(self._app, sent["method"], url, headers | _signed(token), body, f"10.0.0.{number}")
            for number, token in enumerate(self._roles.values(), 1)
        ]
        answers = asyncio.run_coroutine_threadsafe(_all(asked), self._loop).result(60)
        checked = set[tuple[int, str, bytes]]()
        for role, answer in zip(self._roles, answers, strict=True):
            self.told.sent[role] += 1
            self.told.statuses[answer.status] += 1
            key = (answer.status, answer.headers.get("content-type", ""), answer.content)
            if key in checked:
                continue
            checked.add(key)
            for said in self._wrong(case, answer, url):
                self.told.wrong.append(f"{role}: {sent['method']} {url} {body[:300]!r}: {said}")

    def _use_what_is_known(self, case: Any) -> bool:
        """Whether anything changed by it."""
        before = str((case.path_parameters, case.query, case.body))
        for values in (case.path_parameters, case.query):
            for name in set(values or ()) & set(self._known):
                values[name] = self._random.choice(self._known[name])
        for name in ("camera", "start", "end", "at"):
            if isinstance(case.body, dict) and name in case.body:
                case.body[name] = self._random.choice(self._known[name])
        if isinstance(case.body, dict) and "cameras" in case.body:
            case.body["cameras"] = [self._random.choice(self._known["camera"])]
        return before != str((case.path_parameters, case.query, case.body))

    def _wrong(self, case: Any, answer: Answer, url: str) -> Iterator[str]:
        if answer.status >= 500 and not _is_honest(answer, url):
            yield f"{answer.status} {answer.content[:300]!r}"
        response = schemathesis.Response(
            status_code=answer.status,
            headers={name: [value] for name, value in answer.headers.items()},
            content=answer.content,
            request=_request(case),
            elapsed=0.0,
            verify=False,
        )
        try:
            case.validate_response(response, checks=CHECKS)
        except AssertionError as broken:
            yield f"{answer.status}: {broken}"[:1_500]
        except BaseExceptionGroup as broken:
            yield f"{answer.status}: {[str(one)[:700] for one in broken.exceptions]}"


def _is_honest(answer: Answer, url: str) -> bool:
    if answer.status != 503:
        return False
    said = json.loads(answer.content)
    return url.startswith("/readyz") or said.get("code") in UNREACHABLE


def _request(case: Any) -> Any:
    import requests

    return requests.Request(case.method, f"http://{HOST}/").prepare()


def _signed(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"} if token else {}


async def _all(asked: Sequence[Any]) -> list[Answer]:
    return list(await asyncio.gather(*asked))


def _wire(sent: Mapping[str, Any]) -> tuple[str, bytes, dict[str, str]]:
    """Path and query, body and headers, as a client would send them."""
    import requests

    kept = ("method", "url", "params", "data", "json", "files", "cookies")
    prepared = requests.Request(**{name: sent[name] for name in kept if name in sent}).prepare()
    body = prepared.body or b""
    headers = {
        **{str(name).lower(): str(value) for name, value in (sent.get("headers") or {}).items()},
        **{name.lower(): value for name, value in prepared.headers.items()},
    }
    headers.pop("authorization", None)
    headers["accept-encoding"] = "identity"
    if sent.get("headers"):
        given = {str(n).lower(): str(v) for n, v in sent["headers"].items()}
        if "content-type" in given:
            headers["content-type"] = given["content-type"]
    return prepared.path_url, body.encode() if isinstance(body, str) else body, headers
