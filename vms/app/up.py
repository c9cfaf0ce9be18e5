"""`vms up`: prepare the site, start its processes, keep them running, stop them in order."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import os
import re
import signal
import socket
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from vms.app.registry import open_registry
from vms.app.reload import Reloader, apply_rules
from vms.app.roles import command
from vms.app.running import keep_running
from vms.app.site import Site, open_site
from vms.cameras.provisioning import explained
from vms.core.clock import SECOND, Span
from vms.core.config import Settings
from vms.core.config_file import check_writable, load_settings
from vms.core.errors import ConfigError
from vms.core.log import get_logger
from vms.core.processes import ChildProcess, ProcessSpec, keep_log_within, stop_in_order
from vms.core.service_manager import keep_alive, tell
from vms.core.supervise import Backoff, supervise
from vms.people.accounts import FIRST_ADMIN
from vms.people.passwords import make_password
from web.certificate import pair_of

log = get_logger(__name__)

_LOG_MAX = 10_000_000  # bytes of a log file that are kept beside the one being written
_LOGS_EACH = 10.0  # seconds between looks at how large they are
_VARIABLE = re.compile(r"\$\{(\w+)\}")
_LOOK = 1.0  # seconds between looks at cameras.toml


@dataclass(frozen=True, slots=True)
class SignIn:
    """How to sign in. `password`: None when it was set before and can't be known any more.

    `fingerprint`: of the certificate, where nobody vouches for it.
    """

    url: str
    user: str
    password: str | None
    fingerprint: str | None = None

    def __str__(self) -> str:
        if self.fingerprint is None:
            return self._how()
        return (
            f"{self._how()}\nThe certificate is our own, so the browser warns; compare before "
            f"you trust it: SHA-256 {self.fingerprint}"
        )

    def _how(self) -> str:
        if self.password is None:
            return (
                f"Sign in at {self.url} as {self.user} with the password set before "
                f"(forgotten? vms users passwd {self.user})"
            )
        return f"Sign in at {self.url} as {self.user} with {self.password}"


@dataclass(frozen=True, slots=True)
class Options:
    """How `vms up` runs. `before`: processes to start first (the demo's cameras).

    `log_files`: children write to data/log instead of our output. `fresh_password`: give the
    administrator a new password at each start (the demo, where none is kept).
    """

    before: tuple[ProcessSpec, ...] = ()
    log_files: bool = False
    fresh_password: bool = False


Watch = Callable[[Site, SignIn, Sequence[ChildProcess]], "asyncio.Task[None] | None"]


async def run(config: Path, options: Options, watch: Watch) -> None:
    """Run the site until SIGINT or SIGTERM.

    `watch` is called once all processes run and the console answers; it may return a task that
    shows how things go. Raises ConfigError before anything was started.
    """
    settings = load_settings(config)
    check_writable(settings)
    settings.make_run_dirs()
    with _alone(settings):
        _refuse_taken_port(settings)
        settings = settings.for_cameras(_cameras(settings))
        keep_running(settings)
        with open_site(settings) as site:
            sign_in = _prepare(site, fresh_password=options.fresh_password)
            await _keep_running(site, sign_in, options, watch)


def _cameras(settings: Settings) -> int:
    """How many there will be: those of the file and those that people added."""
    with open_registry(settings) as registry:
        added = sum(camera.origin == "database" for camera in registry.list())
    return len(settings.cameras) + added


async def _keep_running(site: Site, sign_in: SignIn, options: Options, watch: Watch) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    children = [
        ChildProcess(spec, site.clock)
        for spec in (*options.before, *_processes(site.settings, log_files=options.log_files))
    ]
    background: list[asyncio.Task[None]] = []
    try:
        for child in children:
            child.start()
        follow = _follow(site, children)
        background.append(asyncio.create_task(follow, name="follow-cameras-toml"))
        background.append(asyncio.create_task(_keep_logs(children), name="logs"))
        answering = asyncio.create_task(_answering(site.settings), name="console-answers")
        background.append(answering)
        background.append(asyncio.create_task(keep_alive(), name="watchdog"))
        stop = asyncio.create_task(stopping.wait(), name="stop")
        await asyncio.wait({answering, stop}, return_when=asyncio.FIRST_COMPLETED)
        tell("READY=1")
        shown = watch(site, sign_in, children) if not stopping.is_set() else None
        if shown is not None:
            background.append(shown)
        await stop
    finally:
        tell("STOPPING=1")
        for task in background:
            task.cancel()
        await asyncio.gather(*background, return_exceptions=True)
        await stop_in_order(children)


def _prepare(site: Site, *, fresh_password: bool) -> SignIn:
    """Bring the database to what the file says; make the administrator at first start."""
    site.schedules.apply(site.settings.schedules)  # before the cameras that name them
    changes = site.registry.apply(site.settings.cameras)
    if changes:
        log.info("cameras.toml was applied", changes=explained(changes))
    apply_rules(site, site.settings.retention)
    password = site.accounts.ensure_admin()
    if password is None and fresh_password and site.accounts.knows(FIRST_ADMIN):
        password = make_password()
        site.accounts.set_password(FIRST_ADMIN, password)
    pair = pair_of(site.settings)
    fingerprint = pair.fingerprint if pair is not None and pair.own else None
    return SignIn(_url(site.settings), FIRST_ADMIN, password, fingerprint)


def _url(settings: Settings) -> str:
    host = settings.web.host
    if host in ("0.0.0.0", "::"):  # noqa: S104 - named, not listened on
        host = socket.gethostname()
    scheme = "https" if settings.web.is_tls else "http"
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{settings.web.port}"


def _processes(settings: Settings, *, log_files: bool) -> Iterator[ProcessSpec]:
    """The recorder first: it must run even if nothing else does."""
    commands = [("recorder", command("recorder", settings), 8 * SECOND)]
    commands += [
        (f"live-{index}", command("live", settings, index), 4 * SECOND)
        for index in range(settings.live.processes)
    ]
    commands.append(("web", command("web", settings), 4 * SECOND))
    withheld = _passwords_in_environment(settings)
    for name, argv, grace in commands:
        log = log_file(settings, name) if log_files else None
        yield ProcessSpec(name, argv, log, grace, withheld)


def _passwords_in_environment(settings: Settings) -> dict[str, str]:
    """The variables that cameras.toml names, emptied: our processes have what they held."""
    try:
        text = settings.file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return {}
    return dict.fromkeys(_VARIABLE.findall(text), "")


def log_file(settings: Settings, name: str) -> Path:
    """Where a child's output goes; `_keep_logs` bounds it."""
    return settings.system.data / "log" / f"{name}.log"


async def _keep_logs(children: Sequence[ChildProcess]) -> None:
    """Look at the children's log files for ever; what is too large is put aside, once."""
    files = [child.spec.log_file for child in children if child.spec.log_file is not None]
    while files:
        for file in files:
            try:
                await asyncio.to_thread(keep_log_within, file, _LOG_MAX)
            except OSError as error:
                log.error("a log can't be put aside", file=str(file), error=str(error))
        await asyncio.sleep(_LOGS_EACH)


async def _follow(site: Site, children: Sequence[ChildProcess]) -> None:
    """Look at cameras.toml and the registry for ever; a look that fails is only told."""
    recorder = next(child for child in children if child.spec.name == "recorder")
    reloader = Reloader(site)

    async def look_on() -> None:
        while True:
            await asyncio.sleep(_LOOK)
            reloaded = await asyncio.to_thread(reloader.look)
            if reloaded.registry_changed:
                recorder.send(signal.SIGHUP)

    def failed(error: Exception, wait: Span) -> None:
        log.error("could not look at cameras.toml", error=str(error), again_ms=wait // 1_000_000)

    again = Backoff(floor=SECOND, ceiling=10 * SECOND)
    await supervise("follow cameras.toml", look_on, site.clock, backoff=again, failed=failed)


async def _answering(settings: Settings) -> None:
    """Wait until the console takes connections."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.web.host, settings.web.host)  # noqa: S104
    while True:
        try:
            _, writer = await asyncio.open_connection(host, settings.web.port)
        except OSError:
            await asyncio.sleep(0.1)
            continue
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
        return


@contextlib.contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    """Only one `vms up` per data folder."""
    path = settings.run_dir / "up.lock"
    with path.open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise ConfigError(
                f"a system already runs on {settings.system.data} (process {lock.read().strip()})",
                remedy="stop it first, or give this one its own [system] data",
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def _refuse_taken_port(settings: Settings) -> None:
    host, port = settings.web.host, settings.web.port
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        taken = error.errno == errno.EADDRINUSE
        raise ConfigError(
            f"can't listen on {settings.web.listen}: "
            + ("another program does" if taken else str(error.strerror or error)),
            file=str(settings.file),
            key="web.listen",
            remedy="stop that program, or choose another port",
        ) from None
