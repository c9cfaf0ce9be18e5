"""What the web server is given."""

from __future__ import annotations

from typing import TypedDict

from storage.ledger.log import Ledger
from storage.overview import Overview
from vms.app.discovery import search_of
from vms.app.evidence import jobs_of
from vms.app.onvif import steering_of, upkeep_of
from vms.app.site import Site
from vms.app.trial import CameraTrials
from vms.cameras.checkups import Checkups
from vms.cameras.onvif.networks import Networks
from vms.cameras.onvif.searches import Searches
from vms.cameras.vault import Vault
from vms.core.clock import Clock
from vms.core.config import Settings
from vms.core.errors import ConfigError
from vms.people.audit.records import Records
from vms.people.audit.trail import Trail
from vms.people.externals import Externals
from vms.people.ldap import LdapDirectory, MissingPart
from vms.people.oidc import OidcProvider
from web.livecalls import LiveCalls
from web.parts import Finder, WebParts


def web_parts(site: Site) -> WebParts:
    """The neighbours of the web, from an open site."""
    trail = Trail(site.audit, site.clock)
    return WebParts(
        settings=site.settings,
        clock=site.clock,
        archive=site.archive,
        accounts=site.accounts,
        roles=site.roles,
        sessions=site.sessions,
        second_factors=site.second_factors,
        cameras=site.registry,
        schedules=site.schedules,
        live=LiveCalls(site.settings),
        overview=Overview(
            site.engine, site.settings, site.clock, Ledger.of(site.settings, site.clock)
        ),
        holds=site.holds,
        blocks=site.blocks,
        approvals=site.approvals,
        keeping=site.keeping,
        exports=jobs_of(site),
        events=site.events,
        steering=steering_of(site, trail),
        upkeep=upkeep_of(site),
        checkups=Checkups(site.engine, site.settings.run_dir, site.clock),
        finder=finder_of(site.settings, site.clock),
        trail=trail,
        audit=Records(site.engine),
        externals=Externals(site.engine, site.clock, site.roles),
        **ways_in(site.settings, site.clock, Vault.at(site.settings.system.data / "keys")),
    )


class WaysIn(TypedDict):
    """Who else proves people."""

    oidc: OidcProvider | None
    directory: LdapDirectory | None


def ways_in(settings: Settings, clock: Clock, vault: Vault) -> WaysIn:
    """Who else proves people, by `[oidc]` and `[ldap]`. Raises ConfigError."""
    oidc, ldap, reach = settings.oidc, settings.ldap, settings.services
    try:
        directory = None if ldap is None else LdapDirectory(ldap, reach)
    except MissingPart as error:
        raise ConfigError(str(error), file=str(settings.file), key="ldap") from None
    provider = None if oidc is None else OidcProvider(oidc, clock, vault, reach)
    return {"oidc": provider, "directory": directory}


def finder_of(settings: Settings, clock: Clock) -> Finder:
    """What finds and tries cameras."""
    networks = Networks(settings.onvif.networks, settings.reach)
    return Finder(
        networks,
        Searches(search_of(settings, clock), clock),
        CameraTrials(settings, clock, brief=True),
    )
