"""What the web server is given."""

from __future__ import annotations

from vms.app.site import Site
from web.livecalls import LiveCalls
from web.parts import WebParts


def web_parts(site: Site) -> WebParts:
    """The neighbours of the web, from an open site."""
    return WebParts(
        settings=site.settings,
        clock=site.clock,
        archive=site.archive,
        accounts=site.accounts,
        sessions=site.sessions,
        cameras=site.registry,
        live=LiveCalls(site.settings),
    )
