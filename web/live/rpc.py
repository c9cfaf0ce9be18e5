"""What the API process asks of us: one JSON object a line over a Unix socket, answers likewise.

`{"id": 1, "op": "whep.offer", "camera", "stream", "sdp", "user", "permit", "address",
"hears"}` is answered with `{"id": 1, "ok": true, "sdp", "session"}` or
`{"id": 1, "ok": false, "code", "detail"}`.
Further ops: `whep.delete` (`session`), `stats` (answers `viewers`, a list), `end` (`permit`: sends
away who watches `camera` by it; `hearing` `yes`: only those who hear it). Requests of one
connection run side by side; answers carry the request's id and come in any order.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from vms.core.log import get_logger
from web.live.refusal import LiveRefused

log = get_logger(__name__)

Operation = Callable[[Mapping[str, object]], Awaitable[dict[str, object]]]
"""Takes the request's fields, returns the answer's, or raises LiveRefused."""

_LINE_MAX = 1 << 20
_SIDE_BY_SIDE = 64  # requests of one connection; the next is read when one is answered


def field(request: Mapping[str, object], name: str) -> str:
    """A text field of a request; raises LiveRefused if it is missing."""
    value = request.get(name)
    if not isinstance(value, str):
        raise LiveRefused("bad_request", f"the request has no text {name!r}")
    return value


class RpcServer:
    """Serves operations by name."""

    def __init__(self, path: Path, operations: Mapping[str, Operation]) -> None:
        self._path, self._operations = path, operations
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        self._path.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(self._serve, self._path, limit=_LINE_MAX)
        self._path.chmod(0o600)

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
            self._path.unlink(missing_ok=True)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        current = asyncio.current_task()
        assert current is not None
        self._keep(current)
        room = asyncio.Semaphore(_SIDE_BY_SIDE)
        try:
            while line := await reader.readline():
                await room.acquire()
                task = asyncio.create_task(self._answer(line, writer), name="live rpc")
                self._keep(task)
                task.add_done_callback(lambda _: room.release())
        except (OSError, ValueError) as error:  # gone, or a line over the limit
            log.info("rpc connection ended", reason=str(error))
        finally:
            writer.close()

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, line: bytes, writer: asyncio.StreamWriter) -> None:
        number: object = None
        try:
            request = json.loads(line)
            if not isinstance(request, dict):
                raise LiveRefused("bad_request", "a request is a JSON object")
            number = request.get("id")
            operation = self._operations.get(field(request, "op"))
            if operation is None:
                raise LiveRefused("bad_request", f"there is no operation {request['op']!r}")
            answer = {"ok": True, **await operation(request)}
        except ValueError as error:
            answer = {"ok": False, "code": "bad_request", "detail": f"no JSON: {error}"}
        except LiveRefused as error:
            answer = {"ok": False, "code": error.code, "detail": error.detail}
        writer.write(json.dumps({"id": number, **answer}).encode() + b"\n")
