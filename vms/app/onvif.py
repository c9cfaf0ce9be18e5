"""What asks and steers cameras over ONVIF, wired: their sign-in is the recorder's."""

from __future__ import annotations

import random

from recorder.rtsp.auth import Authenticator
from vms.app.site import Site
from vms.app.steering_audit import SteeringAudit
from vms.cameras.onvif.client import Credentials
from vms.cameras.onvif.clients import OnvifClients
from vms.cameras.onvif.networks import Networks
from vms.cameras.steering.portraits import Portraits
from vms.cameras.steering.records import Records
from vms.cameras.steering.steering import Steering
from vms.cameras.upkeep import Upkeep
from vms.core.config_camera import CameraSettings
from vms.people.audit.records import Records as AuditRecords
from vms.people.audit.trail import Trail


def sign_in(credentials: Credentials) -> Authenticator:
    """Answers a camera's HTTP challenges for one user."""
    return Authenticator(credentials.username, credentials.password.reveal(), random.SystemRandom())


def clients_of(site: Site) -> OnvifClients:
    """Makes the clients of the site's cameras."""
    return OnvifClients(
        Networks(site.settings.onvif.networks, site.settings.reach), sign_in, site.clock
    )


def steering_of(site: Site, trail: Trail) -> Steering:
    """Steers the site's cameras; `trail` is told of it."""
    records = Records(site.engine)
    portraits = Portraits(records, site.clock, lambda camera: not _private(site, camera))
    audit = SteeringAudit(trail, AuditRecords(site.engine), site.clock)
    return Steering(
        clients_of(site), lambda camera: site.registry.get(camera).settings, records, portraits,
        audit, site.settings.ptz, site.clock,
    )  # fmt: skip


def upkeep_of(site: Site) -> Upkeep:
    """Looks after the site's devices."""
    return Upkeep(clients_of(site), lambda camera: site.registry.get(camera).settings)


def _private(site: Site, camera: CameraSettings) -> bool:
    """Whether a camera is in its privacy hours. One whose schedule is unknown counts as such."""
    if camera.privacy is None:
        return False
    zone = site.settings.system.timezone
    named = {one.name: one.weekly(zone) for one in site.schedules.settings()}
    schedule = named.get(camera.privacy)
    return schedule is None or schedule.covers(site.clock.now())
