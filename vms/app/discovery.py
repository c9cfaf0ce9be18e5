"""The search for cameras, wired."""

from __future__ import annotations

from vms.app.onvif import sign_in
from vms.cameras.onvif.networks import Networks
from vms.cameras.onvif.search import Search
from vms.core.clock import Clock
from vms.core.config import Settings


def search_of(settings: Settings, clock: Clock) -> Search:
    """Finds cameras in the networks that the settings allow."""
    return Search(Networks(settings.onvif.networks, settings.reach), sign_in, clock)
