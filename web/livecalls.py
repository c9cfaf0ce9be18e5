"""Asks the live process: one JSON line there, one back, over the Unix socket `live-<n>`."""

from __future__ import annotations

import asyncio
import itertools
import json
from pathlib import Path
from typing import Any

from vms.core.config import Settings
from vms.core.errors import VmsError
from vms.core.model import CameraId, shard_of

DEADLINE_S = 10.0
LINE_MAX = 1 << 20  # an SDP answer has a few KB; more than this is no answer of ours


class LiveDown(VmsError):
    """The live process does not run or does not answer."""


class LiveRefused(VmsError):
    """The live process said no; `code` is for programs, the text for people."""

    def __init__(self, code: str, detail: str) -> None:
        self.code = code
        super().__init__(detail)


class LiveCalls:
    """The live processes of this site; a camera's viewers all stand in one of them."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._ids = itertools.count(1)

    def socket_of(self, camera: CameraId, suffix: str = "") -> Path:
        """Where the live process of `camera` listens; `.fds` for handing over connections."""
        number = shard_of(camera, self._settings.live.processes)
        return self._settings.socket_path(f"live-{number}{suffix}")

    async def call(self, camera: CameraId, op: str, **arguments: str) -> dict[str, Any]:
        """One question about one camera. Raises LiveDown or LiveRefused."""
        return await self._ask(self.socket_of(camera), {"op": op, "camera": camera, **arguments})

    async def stats(self) -> list[dict[str, Any]]:
        """The `stats` of every live process that answers."""
        paths = [
            self._settings.socket_path(f"live-{number}")
            for number in range(self._settings.live.processes)
        ]
        answers = await asyncio.gather(
            *(self._ask(path, {"op": "stats"}) for path in paths), return_exceptions=True
        )
        return [answer for answer in answers if isinstance(answer, dict)]

    async def end(self, camera: CameraId, permit: str, *, hearing: bool = False) -> None:
        """Send away who watches a camera by a permit that holds no more; `hearing`: only those of
        them who hear it. Raises LiveDown."""
        await self.call(camera, "end", permit=permit, hearing="yes" if hearing else "no")

    async def _ask(self, path: Path, question: dict[str, Any]) -> dict[str, Any]:
        line = json.dumps({"id": next(self._ids), **question}).encode() + b"\n"
        try:
            async with asyncio.timeout(DEADLINE_S):
                answer = json.loads(await _exchange(path, line))
        except (OSError, TimeoutError, ValueError) as error:
            raise LiveDown(
                f"The live process does not answer at {path} ({error or 'no answer in time'}); "
                "live pictures are back when it runs again."
            ) from error
        if not isinstance(answer, dict):
            raise LiveDown(f"The live process at {path} gave no JSON object.")
        if not answer.get("ok"):
            raise LiveRefused(str(answer.get("code", "refused")), str(answer.get("detail", "")))
        return answer


async def _exchange(path: Path, line: bytes) -> bytes:
    reader, writer = await asyncio.open_unix_connection(path, limit=LINE_MAX)
    try:
        writer.write(line)
        await writer.drain()
        answer = await reader.readline()
    finally:
        writer.close()
    if not answer.endswith(b"\n"):
        raise ConnectionError("it closed the connection")
    return answer
