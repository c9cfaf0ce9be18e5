"""Steering a running fleet from outside: JSON lines over TCP, on this machine only.

→ {"op": "fault", "camera": "kuzey-kapi", "name": "drop", "args": {"rate": 0.05}, "lasting": 20}
← {"ok": true}
→ {"op": "clear", "camera": "kuzey-kapi"}      (with "name": that fault only)
→ {"op": "cameras"} · {"op": "faults"} · {"op": "stats"}
← {"ok": true, "result": …}   or   {"ok": false, "error": "…"}
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Mapping
from typing import Any, Protocol

from vms.core.errors import BadRequest, VmsError

_LONGEST_LINE = 65_536  # a longer request ends the connection
_DEADLINE_S = 5.0
CONTROL_HOST = "127.0.0.1"
"""Whoever may steer asks from this machine: the control has no sign-in."""


class Controlled(Protocol):
    """What can be steered: a fleet."""

    @property
    def cameras(self) -> Mapping[str, Any]: ...
    def set_fault(
        self, camera: str, name: str, *, lasting: float | None = None, **args: Any
    ) -> None: ...
    def clear_fault(self, camera: str, name: str | None = None) -> None: ...
    def describe(self) -> list[dict[str, Any]]: ...
    def stats(self) -> dict[str, Any]: ...


class ControlServer:
    """Listens on `port` (0: any free one, None: not at all)."""

    def __init__(self, fleet: Controlled, port: int | None) -> None:
        self._fleet, self.port = fleet, port
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def open(self) -> None:
        if self.port is None:
            return
        self._server = await asyncio.start_server(
            self._serve, CONTROL_HOST, self.port, limit=_LONGEST_LINE
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        for writer in self._writers:
            writer.close()
        await asyncio.sleep(0)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while line := await reader.readline():
                writer.write(json.dumps(self._answer(line)).encode() + b"\n")
                await writer.drain()
        except (OSError, ValueError, asyncio.CancelledError):
            pass  # the client is gone, or its line was too long
        finally:
            self._writers.discard(writer)
            writer.close()

    def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            request = json.loads(line)
            if not isinstance(request, dict):
                raise BadRequest("a request is a JSON object")
            return {"ok": True, "result": self._act(request)}
        except (VmsError, ValueError, TypeError) as error:
            return {"ok": False, "error": str(error)}

    def _act(self, request: dict[str, Any]) -> Any:
        fleet, camera = self._fleet, str(request.get("camera", ""))
        match request.get("op"):
            case "fault":
                args = request.get("args") or {}
                lasting = request.get("lasting")
                name = str(request.get("name", ""))
                return fleet.set_fault(camera, name, lasting=lasting, **args)
            case "clear":
                return fleet.clear_fault(camera, request.get("name"))
            case "cameras":
                return fleet.describe()
            case "faults":
                return {id_: one.faults.as_dict() for id_, one in fleet.cameras.items()}
            case "stats":
                return fleet.stats()
            case other:
                raise BadRequest(f"{other!r} is not fault, clear, cameras, faults or stats")


def ask(port: int, request: Mapping[str, Any]) -> Any:
    """Send one request to a running fleet; its result. Raises BadRequest, OSError."""
    with socket.create_connection((CONTROL_HOST, port), timeout=_DEADLINE_S) as sock:
        sock.sendall(json.dumps(request).encode() + b"\n")
        with sock.makefile("rb") as file:
            line = file.readline()
    if not line:
        raise BadRequest(f"the simulator at port {port} closed the connection")
    answer = json.loads(line)
    if not answer["ok"]:
        raise BadRequest(answer["error"])
    return answer["result"]
