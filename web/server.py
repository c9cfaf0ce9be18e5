"""Runs the application: uvicorn with uvloop and httptools, and our WebSocket protocol."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable

import uvicorn

from vms.core.log import get_logger
from web.app import create_app, openapi_document
from web.certificate import Pair, context_of, follow, pair_of
from web.connections import PromptHttp
from web.console import Console
from web.handover import HandoverProtocol
from web.parts import WebParts
from web.problems import LOGGED

# uvicorn's own wait for open answers; with its closing of idle connections it ends within 3 s.
STOP_WITHIN_S = 2
# Connections and requests under way; more are told 503 at once instead of waiting without end.
CONNECTIONS_MAX = 1_000

__all__ = ["openapi_document", "serve", "server_of"]

_log = get_logger(__name__)


class _Server(uvicorn.Server):
    """Tells when it listens, for which uvicorn has no word; follows its certificate's files."""

    def __init__(
        self, config: uvicorn.Config, listening: Callable[[], None] | None, pair: Pair | None
    ) -> None:
        self._listening, self._pair = listening, pair
        self._follower: asyncio.Task[None] | None = None
        super().__init__(config)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        if self._pair is not None:
            self.config.ssl = context_of(self._pair)
            following = follow(self._pair, self.config.ssl)
            self._follower = asyncio.create_task(following, name="certificate")
        await super().startup(sockets)
        _log.info("web_listening", host=self.config.host, port=self.config.port)
        if self._listening is not None:
            self._listening()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self._follower is not None:
            self._follower.cancel()
            await asyncio.gather(self._follower, return_exceptions=True)
        await super().shutdown(sockets)


def server_of(
    parts: WebParts,
    *,
    listening: Callable[[], None] | None = None,
    console: Console | None = None,
) -> uvicorn.Server:
    """The server, complete but not yet listening. `listening` is called once it does."""
    config = uvicorn.Config(
        create_app(parts, console),
        host=parts.settings.web.host,
        port=parts.settings.web.port,
        loop="uvloop",
        http=PromptHttp,
        ws=HandoverProtocol,
        ws_max_size=65_536,
        log_config=None,  # `vms.core.log` says where lines go
        log_level="warning",
        access_log=False,  # addresses carry times and places people looked at
        server_header=False,
        timeout_keep_alive=75,  # above the usual 60 s of proxies, so that we never close first
        timeout_graceful_shutdown=STOP_WITHIN_S,
        limit_concurrency=CONNECTIONS_MAX,
        backlog=512,
    )
    # The traceback is already in the log, with the error id that the reader was told.
    logging.getLogger("uvicorn.error").addFilter(_is_no_repeated_traceback)
    return _Server(config, listening, pair_of(parts.settings))


async def serve(
    parts: WebParts,
    *,
    sockets: list[socket.socket] | None = None,
    listening: Callable[[], None] | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT; on `sockets` if given, else as the settings say.

    Run it in a uvloop: uvicorn's own choice of loop only counts when uvicorn starts it.
    """
    await server_of(parts, listening=listening).serve(sockets)


def _is_no_repeated_traceback(record: logging.LogRecord) -> bool:
    error = record.exc_info[1] if record.exc_info else None
    return not any(note.startswith(LOGGED) for note in getattr(error, "__notes__", ()))
