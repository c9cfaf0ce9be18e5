"""Tells systemd how we are: ready, stopping, and still alive (sd_notify(3)); elsewhere nothing."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket


def tell(state: str) -> None:
    """Send `READY=1` and its like to the service manager, if one asked to be told."""
    place = os.environ.get("NOTIFY_SOCKET", "")
    if not place.startswith(("/", "@")):
        return
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.sendto(state.encode(), f"\0{place[1:]}" if place.startswith("@") else place)


def watchdog_s() -> float | None:
    """How often we must say that we are alive; None: nobody waits for it."""
    if os.environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    microseconds = os.environ.get("WATCHDOG_USEC", "")
    return int(microseconds) / 1e6 if microseconds.isdecimal() and int(microseconds) else None


async def keep_alive() -> None:
    """Say so, from the event loop, while it turns; a loop that hangs says nothing."""
    every = watchdog_s()
    while every is not None:
        tell("WATCHDOG=1")
        await asyncio.sleep(every / 3)
