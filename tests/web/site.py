"""What the web's tests stand on: a site in a folder, with a clock that is moved by hand."""

from __future__ import annotations

import contextlib
import functools
import random
import socket
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import uvloop
from fastapi import FastAPI

from recorder.rtsp.auth import Authenticator
from storage.archive import Archive
from storage.database import migrate, open_database
from storage.disk import RealDisk
from storage.holds.repository import Holds
from storage.keeping import Keeping
from storage.ledger.log import Ledger
from storage.overview import Overview
from vms.alarms.events import Events
from vms.app.site import ages_of
from vms.app.steering_audit import SteeringAudit
from vms.app.trial import CameraTrials
from vms.app.webparts import finder_of, ways_in
from vms.cameras.checkups import Checkups
from vms.cameras.onvif.client import Credentials
from vms.cameras.onvif.clients import OnvifClients
from vms.cameras.onvif.networks import Networks
from vms.cameras.registry import Registry
from vms.cameras.schedules import Schedules
from vms.cameras.steering.portraits import Portraits
from vms.cameras.steering.records import Records
from vms.cameras.steering.steering import Steering
from vms.cameras.upkeep import Upkeep
from vms.cameras.vault import Vault
from vms.core.clock import FakeClock, SystemClock
from vms.core.config import Settings
from vms.core.config_camera import CameraSettings
from vms.evidence.jobs import Jobs
from vms.evidence.order import Order
from vms.people.accounts import Accounts
from vms.people.approvals import Approvals
from vms.people.audit.book import Book
from vms.people.audit.records import Records as AuditRecords
from vms.people.audit.trail import Trail
from vms.people.blocks import Blocks
from vms.people.externals import Externals
from vms.people.roles import Roles
from vms.people.second_factor import SecondFactors
from vms.people.sessions import NewSession, Sessions
from web.app import create_app
from web.console import Console
from web.livecalls import LiveCalls
from web.parts import WebParts
from web.server import server_of

PASSWORD = "correct horse battery"


@dataclass(frozen=True, slots=True)
class WebSite:
    parts: WebParts
    clock: FakeClock
    app: FastAPI
    static: Path

    def sign_in(self) -> NewSession:
        """Ali's sign-in without the cost of his password; tests/web/api/test_session has that."""
        return self.parts.sessions.start(self.parts.accounts.get("ali"), "10.0.0.9")

    @property
    def run_dir(self) -> Path:
        return self.parts.settings.run_dir


def settings_in(folder: Path, **sections: Any) -> Settings:
    volume = folder / "video"
    volume.mkdir(exist_ok=True)
    return Settings.model_validate(
        {
            "file": folder / "cameras.toml",
            "system": {"name": "Deneme", "data": folder / "data"},
            "web": {"listen": "127.0.0.1:8080"},
            "recorder": {"workers": 1},
            "network": {"allow": ["10.0.0.0/8", "127.0.0.0/8"]},
            "volumes": [{"path": volume, "reserve": 0}],
            "cameras": [
                {
                    "id": "gate-north",
                    "name": "Kuzey Kapı",
                    "groups": ["meydan"],
                    "source": "rtsp://10.0.0.5/main",
                    "sub": "rtsp://10.0.0.5/sub",
                    "username": "vms",
                    "password": "camera-secret",
                },
                {"id": "gate-south", "source": "rtsp://10.0.0.6/main", "record": "off"},
            ],
            **sections,
        }
    )


@functools.cache
def _first_database() -> bytes:
    """Migrated, with the operator ali: made once, for passwords and migrations cost their time."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "first.db"
        engine = open_database(f"sqlite:///{file}")
        migrate(engine)
        Accounts(engine, FakeClock()).add("ali", PASSWORD)
        engine.dispose()
        return file.read_bytes()


@contextlib.contextmanager
def open_web_site(
    folder: Path, clock: FakeClock | None = None, **sections: Any
) -> Iterator[WebSite]:
    """`sections`: of the settings, besides those that every site has here."""
    settings, clock = settings_in(folder, **sections), clock or FakeClock()
    settings.make_run_dirs()
    (settings.system.data / "gozcu.db").write_bytes(_first_database())
    engine = open_database(settings.database_url)
    roles = Roles(engine, "Europe/Istanbul")
    accounts = Accounts(engine, clock, roles)
    vault = Vault.at(settings.system.data / "keys")
    cameras, holds = (
        Registry(engine, vault, clock),
        Holds(engine, settings.volumes, RealDisk(), clock),
    )
    schedules = Schedules(engine, clock)
    schedules.apply(settings.schedules)
    cameras.apply(settings.cameras)
    ledger = Ledger.of(settings, clock)

    def checked(order: Order) -> None:
        order.check(clock.now())
        for camera in order.cameras:
            cameras.get(camera)

    def sign_in(credentials: Credentials) -> Authenticator:
        password = credentials.password.reveal()
        return Authenticator(credentials.username, password, random.Random())

    def of_camera(camera: str) -> CameraSettings:
        return cameras.get(camera).settings

    # Simulated devices live by the machine's clock; leases by the site's.
    clients = OnvifClients(Networks(settings.onvif.networks), sign_in, SystemClock())
    records = Records(engine)
    portraits = Portraits(records, clock, lambda camera: True)
    trail = Trail(Book(engine, ledger, settings.system.data / "audit", clock), clock)
    movements = SteeringAudit(trail, AuditRecords(engine), clock)
    steering = Steering(clients, of_camera, records, portraits, movements, settings.ptz, clock)
    parts = WebParts(
        settings=settings,
        clock=clock,
        archive=Archive(engine, settings.volumes, clock),
        accounts=accounts,
        sessions=Sessions(engine, clock, roles, ages_of(settings)),
        second_factors=SecondFactors(engine, clock, vault, "Deneme"),
        roles=roles,
        cameras=cameras,
        schedules=schedules,
        live=LiveCalls(settings),
        overview=Overview(engine, settings, clock, ledger),
        holds=holds,
        blocks=Blocks(engine, clock),
        approvals=Approvals(engine, clock, roles),
        keeping=Keeping(engine, cameras, settings.volumes, clock, holds, ledger),
        events=Events(engine, clock),
        steering=steering,
        upkeep=Upkeep(clients, of_camera),
        checkups=Checkups(engine, settings.run_dir, clock),
        exports=Jobs(engine, clock, vault, checked),
        trail=trail,
        audit=AuditRecords(engine),
        externals=Externals(engine, clock, roles),
        **ways_in(settings, clock, vault),
        # A camera is dialled in real time, whatever the site's clock says.
        finder=replace(
            finder_of(settings, clock),
            trials=CameraTrials(settings, SystemClock(), brief=True),
        ),
    )
    static = folder / "static"
    yield WebSite(parts, clock, create_app(parts, Console(static)), static)
    engine.dispose()


@dataclass(frozen=True, slots=True)
class Served:
    """A site behind a real uvicorn, with ali's cookie and CSRF value."""

    site: WebSite
    port: int
    cookie: str
    csrf: str

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def headers(self) -> dict[str, str]:
        return {"Cookie": self.cookie, "X-CSRF-Token": self.csrf}


@contextlib.contextmanager
def serve_web_site(site: WebSite) -> Iterator[Served]:
    """Serve on a free port of the loopback, as `web.server` does it, in a thread."""
    listening = threading.Event()
    server = server_of(site.parts, listening=listening.set, console=Console(site.static))
    with socket.create_server(("127.0.0.1", 0)) as sock:
        thread = threading.Thread(
            target=lambda: uvloop.run(server.serve([sock])), name="web", daemon=True
        )
        thread.start()
        assert listening.wait(10)
        port = sock.getsockname()[1]
        session = site.sign_in()
        yield Served(site, port, f"vms_session={session.token}", session.csrf)
        server.should_exit = True
        thread.join(5)
        assert not thread.is_alive(), "the server did not stop within 5 s"
