"""What each process of a site runs: the recorder and its workers, live, web."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import uvloop

from vms.app.site import open_site
from vms.core.config import Settings


def run_recorder(settings: Settings) -> None:
    """The recorder: starts its workers and keeps them running until SIGTERM."""
    from recorder.supervisor import run_supervisor

    def argv(index: int) -> tuple[str, ...]:
        config = str(settings.file)
        return (sys.executable, "-m", "vms", "recorder", "--worker", str(index), "--config", config)

    uvloop.run(run_supervisor(settings, argv))


def run_recorder_worker(settings: Settings, index: int) -> None:
    """One worker: the cameras of its shard."""
    from recorder.worker import run_worker

    with open_site(settings) as site:
        uvloop.run(run_worker(settings, index, site.registry.settings))


def run_live(settings: Settings, index: int) -> None:
    """One live process: sends pictures to viewers."""
    from web.live.process import run_live

    uvloop.run(run_live(settings, index))


def run_web(config: Path) -> None:
    """The web server: API and console."""
    from vms.app.webparts import web_parts
    from web.server import serve

    with open_site(config) as site:
        asyncio.run(serve(web_parts(site)))
