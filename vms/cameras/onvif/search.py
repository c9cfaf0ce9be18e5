"""A search: who is there, what each one is, and which of them the site has already.

Passwords are tried in the admin's order, and no more than a camera bears: no search locks an
account, nor do several in a row (`refusals`). A camera is known by where it speaks ONVIF, by its
stream, or else by its host.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol
from urllib.parse import urlsplit

from vms.cameras.onvif import discovery, reading
from vms.cameras.onvif.asking import Allowance
from vms.cameras.onvif.client import Credentials, HttpSignIns, OnvifClient
from vms.cameras.onvif.http import Http
from vms.cameras.onvif.knock import knock
from vms.cameras.onvif.networks import Networks
from vms.cameras.onvif.port import CameraFacts, DeviceFacts, OnvifError, Trouble
from vms.cameras.onvif.probe import PORT, Match
from vms.cameras.onvif.refusals import REFUSALS_MAX, Refusals
from vms.cameras.onvif.sentences import SENTENCES
from vms.core.clock import Clock
from vms.core.config_camera import CameraSettings

_FIRST = "*"  # settings that name no source: the device's first
_ADDED = frozenset({"unicast", "proto"})
AT_ONCE = 16
"""Cameras asked at the same time."""
_USER_COSTS = 2
"""Refusals of one wrong user at most where a camera checks each call: a token, and a header."""


@dataclass(frozen=True, slots=True)
class Found:
    """One camera that answered: of a device with several video sources, one of these.

    `facts`: when it let us in; `trouble`, `detail`: when not.

    `credentials`: those it took, None where it asked for none. `camera`: the id under which the
    site has it already.
    """

    match: Match
    facts: CameraFacts | None
    credentials: Credentials | None
    trouble: Trouble | None
    detail: str | None
    camera: str | None

    @property
    def onvif(self) -> str:
        """Where it is asked, as the key `onvif` of a camera says it."""
        scheme = "https" if self.match.tls else "http"
        return f"{scheme}://{self.match.address}{self.match.path}"

    def as_json(self) -> dict[str, object]:
        """For `--json` and the API: everything but a password."""
        facts, trouble = self.facts, self.trouble
        return {
            "address": self.match.source,
            "addresses": [self.match.source, *self.match.also],
            "port": self.match.port,
            "onvif": self.onvif,
            "uuid": self.match.uuid,
            "name": self.match.name,
            "hardware": self.match.hardware,
            **_device_as_json(facts.device if facts is not None else None),
            "video_source": facts.source if facts is not None and facts.sources > 1 else None,
            "channel": facts.number if facts is not None else None,
            "channels": facts.sources if facts is not None else None,
            "streams": _streams_as_json(facts) if facts is not None else [],
            "snapshot": reading.shown(facts.snapshot or "") or None if facts is not None else None,
            "username": self.credentials.username if self.credentials is not None else None,
            "camera": self.camera,
            "trouble": str(trouble) if trouble is not None else None,
            "problem": SENTENCES[trouble].en if trouble is not None else None,
            "problem_tr": SENTENCES[trouble].tr if trouble is not None else None,
            "detail": self.detail,
        }


class Known(Protocol):
    """A camera of the registry."""

    @property
    def settings(self) -> CameraSettings: ...


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to search. `hosts`: numeric addresses to ask one by one beside multicast.

    `interfaces`: names or addresses of this machine's own; empty for all of them. `http_port`,
    `https_port`: where hosts that answer no probe are asked over HTTP and over TLS.
    """

    hosts: Sequence[str] = ()
    credentials: Sequence[Credentials] = ()
    multicast: bool = True
    interfaces: Sequence[str] = ()
    port: int = PORT
    listen_s: float = discovery.LISTEN_S
    http_port: int = 80
    https_port: int = 443


class Search:
    """Finds and describes."""

    def __init__(self, networks: Networks, sign_ins: HttpSignIns, clock: Clock) -> None:
        self._networks, self._sign_ins, self._clock = networks, sign_ins, clock
        self._http = Http(networks)
        self._refusals = Refusals(clock)

    async def run(
        self,
        wanted: Wanted,
        known: Iterable[Known] = (),
        told: Callable[[Found], None] = lambda found: None,
        heard: Callable[[int], None] = lambda answers: None,
    ) -> list[Found]:
        """All cameras that answered: a probe, or else over HTTP.

        `heard` is told how many devices there are, `told` each camera as soon as it is described. A
        device with several video sources is a camera for each.
        """
        matches = await discovery.find(
            self._networks,
            wanted.hosts,
            multicast=wanted.multicast,
            interfaces=wanted.interfaces,
            port=wanted.port,
            listen_s=wanted.listen_s,
        )
        matches = await self._with_silent(matches, wanted)
        heard(len(matches))
        ids = _ids_by_place(known)
        room = asyncio.Semaphore(AT_ONCE)
        uuids = Counter(match.uuid for match in matches)

        left = discovery.FOUND_MAX

        async def one(match: Match) -> list[Found]:
            nonlocal left
            async with room:
                found = (await self._describe(match, wanted.credentials, ids, uuids))[:left]
            left -= len(found)
            for camera in found:
                told(camera)
            return found

        every = await asyncio.gather(*(one(match) for match in matches))
        return [camera for found in every for camera in found]

    async def _with_silent(self, matches: Sequence[Match], wanted: Wanted) -> list[Match]:
        """The matches, and who else answers over HTTP: of the hosts that said nothing, and of those
        that answered the probe without saying where they speak ONVIF."""
        clear = [match for match in matches if not match.vague]
        vague = {match.source: match for match in matches if match.vague}
        answered = {match.source for match in clear}
        asked = [host for host in wanted.hosts if host not in answered]
        asked += [host for host in vague if host not in asked and self._networks.allows(host)]
        ports = (wanted.http_port, wanted.https_port)
        knocked = await knock(self._networks, asked, ports, self._sign_ins, self._clock)
        for match in knocked:
            said = vague.pop(match.source, match)
            clear.append(replace(match, uuid=said.uuid, name=said.name, hardware=said.hardware))
        return [*clear, *vague.values()]

    async def picture(self, found: Found) -> bytes | None:
        """A JPEG of now of a camera that let us in; None when it offers none. Raises OnvifError."""
        if found.facts is None or found.facts.snapshot is None:
            return None
        client = self._client(found.match, found.credentials)
        return await client.picture_at(found.facts.snapshot)

    def _client(
        self, match: Match, credentials: Credentials | None, allowance: Allowance | None = None
    ) -> OnvifClient:
        return OnvifClient(
            self._http, match.address, credentials, self._sign_ins, self._clock, match.path,
            allowance,
        )  # fmt: skip

    async def _describe(
        self,
        match: Match,
        credentials: Sequence[Credentials],
        ids: dict[str, str],
        uuids: Mapping[str, int],
    ) -> list[Found]:
        names = [str(match.address)]
        if match.uuid and uuids[match.uuid] == 1:  # some makers give all their cameras the same
            names.append(match.uuid)
        allowance = self._refusals.allowance(names)
        before = allowance.left
        try:
            found = await self._asked(match, credentials, ids, allowance)
            if found[0].trouble is Trouble.UNREACHABLE and match.instead is not None:
                other = replace(match.instead, also=match.also)
                found = await self._asked(other, credentials, ids, allowance)
        finally:
            if allowance.left < before:  # also of a search that is stopped meanwhile
                self._refusals.remember(names, allowance)
        if found[0].facts is not None:
            self._refusals.forget(names)
        return found

    async def _asked(
        self,
        match: Match,
        credentials: Sequence[Credentials],
        ids: dict[str, str],
        allowance: Allowance,
    ) -> list[Found]:
        """One of each video source, or one with the trouble."""
        if (unasked := self._unasked(match)) is not None:
            camera = _known_as(match, None, ids)
            return [Found(match, None, None, unasked.trouble, unasked.detail, camera)]
        seen = f"{match.address} refused {REFUSALS_MAX - allowance.left} requests a short while ago"
        error = OnvifError(Trouble.SPARED, seen)
        for one in credentials or (None,):
            if one is not None and allowance.left < _USER_COSTS:
                break
            try:
                every = await self._client(match, one, allowance).describe_all()
            except OnvifError as raised:
                error = raised
                if raised.trouble is not Trouble.REFUSED:
                    break
            else:
                return [
                    Found(match, facts, one, None, None, _known_as(match, facts, ids))
                    for facts in every
                ]
        camera = _known_as(match, None, ids)
        return [Found(match, None, None, error.trouble, error.detail, camera)]

    def _unasked(self, match: Match) -> OnvifError | None:
        """Why a device that answered is not asked at all; None for one that is."""
        try:
            self._networks.check(match.source)
        except OnvifError as error:
            return error
        if not match.vague:
            return None
        said = f"{match.source} answers the probe without saying where it speaks ONVIF, and "
        return OnvifError(Trouble.BROKEN_ANSWER, f"{said}not at the usual ports either")


def _device_as_json(device: DeviceFacts | None) -> dict[str, object]:
    names = ("make", "model", "firmware", "serial", "mac")
    facts: dict[str, object] = {name: getattr(device, name, None) for name in names}
    offset = device.clock_offset if device is not None else None
    return facts | {"clock_offset_ms": offset / 1e6 if offset is not None else None}


def _streams_as_json(facts: CameraFacts) -> list[dict[str, object]]:
    streams = (("main", facts.main), ("sub", facts.sub))
    return [
        {
            "stream": name,
            "uri": reading.shown(one.uri),
            "codec": one.profile.codec,
            "width": one.profile.width,
            "height": one.profile.height,
            "fps": one.profile.fps,
        }
        for name, one in streams
        if one is not None
    ]


def _ids_by_place(known: Iterable[Known]) -> dict[str, str]:
    """Camera ids by where they speak ONVIF, by stream address, and by host.

    By host only where one camera lives there, and nothing says where it speaks ONVIF: a host may
    be an encoder or a router with many cameras behind it.
    """
    ids: dict[str, str] = {}
    at_host: dict[str, list[CameraSettings]] = {}
    for camera in known:
        settings = camera.settings
        for url in (settings.source, settings.sub):
            if url is not None:
                ids[_stream_key(url)] = settings.id
        if settings.onvif is not None:
            ids[_onvif_key(settings.onvif)] = settings.id
            source = settings.onvif_source if settings.onvif_source is not None else _FIRST
            ids[_onvif_key(settings.onvif, source)] = settings.id
        host = urlsplit(settings.source).hostname or ""
        at_host.setdefault(_host_key(host), []).append(settings)
    alone = {host: there[0] for host, there in at_host.items() if len(there) == 1}
    return ids | {host: one.id for host, one in alone.items() if one.onvif is None}


def _known_as(match: Match, facts: CameraFacts | None, ids: dict[str, str]) -> str | None:
    scheme = "https" if match.tls else "http"
    places = [replace(match, source=host).address for host in (match.source, *match.also)]
    several = facts is not None and facts.sources > 1
    source = facts.source if facts is not None and several else ""
    keys = [_onvif_key(f"{scheme}://{place}", source) for place in places]
    if several and facts is not None and facts.number == 1:
        keys += [_onvif_key(f"{scheme}://{place}", _FIRST) for place in places]
    exact = next((ids[key] for key in keys if key in ids), None)
    if exact is None and facts is not None:
        exact = ids.get(_stream_key(facts.main.uri))
    if several:  # the host says nothing of which one
        return exact
    by_host = (ids.get(_host_key(host)) for host in (match.source, *match.also))
    return exact or next(filter(None, by_host), None)


def _stream_key(url: str) -> str:
    """Without what devices add to the address that people type (`unicast=true&proto=Onvif`), and
    without a password, as the registry keeps it."""
    parts = urlsplit(reading.shown(url))
    query = [one for one in parts.query.split("&") if one.partition("=")[0] not in _ADDED]
    return f"{parts.hostname}:{parts.port or 554}{parts.path}?{'&'.join(query)}"


def _onvif_key(url: str, source: str = "") -> str:
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return f"onvif {parts.hostname}:{port} {source}"


def _host_key(host: str) -> str:
    return f"host {host}"
