"""Answers of one device put together: it is one, from however many addresses it answers. Pure.

Told by the uuid it gives itself. Some makers give all their cameras the same: two answers of one
uuid from two addresses of the same family are one device only where one of them names the address
from which the other was heard. What both name besides proves nothing: makers have defaults.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from vms.cameras.onvif.networks import Networks
from vms.cameras.onvif.port import bare, is_link_local
from vms.cameras.onvif.probe import Match


def merged(matches: Iterable[Match], networks: Networks) -> list[Match]:
    """One match a device, at the best of its addresses; in the order in which they were heard.

    `matches`: each of another source or port. Best is one that may be dialled, and of these one
    that is not link-local.
    """
    heard = list(matches)
    clear = {one.source for one in heard if not one.vague}
    groups: list[list[Match]] = []
    of_uuid: dict[str, list[list[Match]]] = {}
    for one in heard:
        if one.vague and one.source in clear:
            continue
        alike = of_uuid.setdefault(one.uuid, []) if one.uuid else []
        group = next((g for g in alike if not any(_two(one, other) for other in g)), None)
        if group is None:
            group = []
            groups.append(group)
            alike.append(group)
        group.append(one)
    return [_best(group, networks) for group in groups]


def _two(one: Match, other: Match) -> bool:
    """Whether the same uuid stands for two devices."""
    here, there = bare(one.source), bare(other.source)
    if here == there or (":" in here) != (":" in there):
        return False
    return not (_names(one, there) or _names(other, here))


def _names(one: Match, host: str) -> bool:
    return any(place.host == host for place in one.named)


def _best(group: list[Match], networks: Networks) -> Match:
    """Where the device is dialled.

    What it says of its own host counts only where it is heard from a link-local address, and only
    within the allowed networks; where it was heard stands `instead`.
    """
    named = [
        replace(one, source=place.host, port=place.port, path=place.path, tls=place.tls,
                instead=one if networks.allows(one.source) else None)
        for one in group if is_link_local(one.source)
        for place in one.named
        if networks.allows(place.host) and not is_link_local(place.host)
    ]  # fmt: skip

    def rank(one: Match) -> tuple[bool, ...]:
        return (
            not networks.allows(one.source),
            is_link_local(one.source),
            one.vague,
            one in named,
            bool(one.named) and not _names(one, bare(one.source)),  # another one may answer for it
            ":" in one.source,
        )

    best = min((*group, *named), key=rank)
    heard = dict.fromkeys(one.source for one in group if one.source != best.source)
    return replace(
        best,
        uuid=next((one.uuid for one in (best, *group) if one.uuid), ""),
        name=next((one.name for one in (best, *group) if one.name), ""),
        hardware=next((one.hardware for one in (best, *group) if one.hardware), ""),
        also=tuple(heard),
    )
