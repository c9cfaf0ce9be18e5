"""What each process of a site runs: the recorder, its workers, custodian and motion, live, web.

`python -m vms.app.roles ROLE --running FILE [--index N]` is how `vms up` starts them: without the
command line's libraries, since after a crash every tenth of a second of start is footage. For
the same reason each role imports only what it runs. FILE is what `vms.app.running` keeps.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import functools
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from vms.app.running import keep_running, read_running, running_file
from vms.core.config import Settings
from vms.core.config_file import check_writable, load_settings
from vms.core.errors import VmsError
from vms.core.log import configure_logging
from vms.core.privacy import keep_memory_private
from vms.core.processes import ProcessSpec

if TYPE_CHECKING:
    from vms.app.reload import Reloader

_GIVES_WAY = 5  # a recorder that starts after a crash comes first

Role = Literal["recorder", "worker", "custodian", "motion", "live", "web"]


def command(role: Role, settings: Settings, index: int = 0) -> tuple[str, ...]:
    """The command that runs a role in a process of its own, with the settings that were kept."""
    file = str(running_file(settings))
    return (sys.executable, "-m", "vms.app.roles", role, "--index", str(index), "--running", file)


def run_alone(role: Role, config: Path, index: int = 0) -> None:
    """Run a role in this process until SIGTERM, with the settings of a file."""
    configure_logging()
    settings = load_settings(config)
    if role == "recorder":
        check_writable(settings)
        settings.make_run_dirs()
        _run_recorder(settings, alone=True)
    else:
        _run(role, settings, index)


def _run(role: Role, settings: Settings, index: int) -> None:
    match role:
        case "recorder":
            _run_recorder(settings)
        case "worker":
            _run_worker(settings, index)
        case "custodian":
            _run_custodian(settings)
        case "motion":
            _run_motion(settings)
        case "live":
            _run_live(settings, index)
        case "web":
            _run_web(settings)


def _run_recorder(settings: Settings, *, alone: bool = False) -> None:
    """Starts the workers and keeps them running. `alone`: prepares the site as `vms up` does."""
    from recorder.claim import sole_recorder
    from recorder.supervisor import run_supervisor

    with sole_recorder(settings), contextlib.ExitStack() as opened:
        if alone:
            keep_running(settings)
        look = _Follower(settings, opened).look if alone else None
        workers = functools.partial(command, "worker", settings)
        custodian = ProcessSpec("custodian", command("custodian", settings), nice=_GIVES_WAY)
        asyncio.run(run_supervisor(settings, workers, look, (custodian,)))


class _Follower:
    """Started alone, the recorder itself follows cameras.toml and what people change.

    Only then: the settings that were kept for a second start have no cameras, and to apply those
    would remove all. The site is opened at the first look; `opened` closes it.
    """

    def __init__(self, settings: Settings, opened: contextlib.ExitStack) -> None:
        self._settings, self._opened = settings, opened
        self._reloader: Reloader | None = None

    def look(self) -> bool:
        """Whether any camera changed since the last look."""
        from vms.app.reload import Reloader
        from vms.app.site import open_site

        if self._reloader is None:
            site = self._opened.enter_context(open_site(self._settings))
            self._reloader = Reloader(site)
        return self._reloader.look().registry_changed


def _run_worker(settings: Settings, index: int) -> None:
    """One worker: the cameras of its shard."""
    import uvloop

    from recorder.claim import share_of_recorder
    from recorder.worker import run_worker
    from vms.app.registry import open_orders

    with share_of_recorder(settings), open_orders(settings) as orders:
        uvloop.run(run_worker(settings, index, orders))


def _run_custodian(settings: Settings) -> None:
    """Keeps what was recorded: deletes by rule, signs, scrubs, moves, exports."""
    from vms.app.custodian import run_custodian

    asyncio.run(run_custodian(settings))


def _run_motion(settings: Settings) -> None:
    """Looks for motion in the cameras that want it."""
    import uvloop

    from vms.app.motion import run_motion

    uvloop.run(run_motion(settings))


def _run_live(settings: Settings, index: int) -> None:
    """One live process: sends pictures to viewers."""
    import uvloop

    from web.live.process import run_live

    uvloop.run(run_live(settings, index))


def _run_web(settings: Settings) -> None:
    """The web server: API and console."""
    import uvloop

    from vms.app.site import open_site
    from vms.app.webparts import web_parts
    from web.server import serve

    with open_site(settings) as site:
        uvloop.run(serve(web_parts(site)))


def main() -> None:
    """The command line of one process."""
    parser = argparse.ArgumentParser(prog="vms.app.roles")
    parser.add_argument("role", choices=get_args(Role))
    parser.add_argument("--running", type=Path, required=True)
    parser.add_argument("--index", type=int, default=0)
    arguments = parser.parse_args()
    keep_memory_private()
    try:
        configure_logging()
        _run(arguments.role, read_running(arguments.running), arguments.index)
    except VmsError as error:
        print(f"vms: {error}", file=sys.stderr)
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
