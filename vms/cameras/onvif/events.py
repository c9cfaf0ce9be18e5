"""Hearing a camera: a pull point is made, asked again and again, renewed, and left.

What its messages mean is told by `topics`.
"""

from __future__ import annotations

import contextlib
import uuid
from dataclasses import dataclass, replace
from xml.sax.saxutils import escape, quoteattr

from vms.cameras.onvif import reading
from vms.cameras.onvif.asking import Asking, Place
from vms.cameras.onvif.port import OnvifError, Trouble
from vms.cameras.onvif.topics import Notice, notices_of
from vms.cameras.onvif.xml import Element

LIMIT = 100
"""Messages taken at once; the camera keeps the others for the next time."""
_ANSWERS_WITHIN_S = 5.0  # after the wait that was asked for
_PARAMETERS_MAX = 16
_EVENTS = "http://www.onvif.org/ver10/events/wsdl/PullPointSubscription"
_NOTIFICATION = "http://docs.oasis-open.org/wsn/bw-2/SubscriptionManager"


@dataclass(frozen=True, slots=True)
class PullPoint:
    """A subscription of ours at a camera."""

    place: Place


class PullPoints:
    """Makes and uses pull points of one camera."""

    def __init__(self, asking: Asking) -> None:
        self._asking = asking

    async def subscribe(self, life_s: int) -> PullPoint:
        """A new pull point that ends by itself `life_s` after it was last renewed."""
        life = f"<tev:InitialTerminationTime>PT{life_s}S</tev:InitialTerminationTime>"
        try:
            answer = await self._asking.ask("tev", _create(life))
        except OnvifError as error:
            if error.trouble is not Trouble.FAULT:
                raise
            answer = await self._asking.ask("tev", _create(""))  # some take no time of ours
        reference = answer.first("SubscriptionReference")
        xaddr = reference.words("Address") if reference is not None else ""
        if reference is None or not xaddr:
            where = self._asking.address
            raise OnvifError(Trouble.BROKEN_ANSWER, f"{where}: a subscription without an address")
        address, path = reading.path_at(self._asking.address, xaddr)
        to = f"<wsa:To>{escape(xaddr)}</wsa:To>"
        return PullPoint(Place(address, path, to + _parameters(reference)))

    async def pull(self, point: PullPoint, wait_s: int) -> list[Notice]:
        """What happened; the camera waits up to `wait_s` until something does."""
        body = (
            f"<tev:PullMessages><tev:Timeout>PT{wait_s}S</tev:Timeout>"
            f"<tev:MessageLimit>{LIMIT}</tev:MessageLimit></tev:PullMessages>"
        )
        place = _acting(point.place, f"{_EVENTS}/PullMessagesRequest")
        answer = await self._asking.ask_at(place, body, wait_s + _ANSWERS_WITHIN_S)
        return notices_of(answer, LIMIT)

    async def renew(self, point: PullPoint, life_s: int) -> None:
        """Keep it for `life_s` from now."""
        life = f"<wsnt:TerminationTime>PT{life_s}S</wsnt:TerminationTime>"
        place = _acting(point.place, f"{_NOTIFICATION}/RenewRequest")
        await self._asking.ask_at(place, f"<wsnt:Renew>{life}</wsnt:Renew>")

    async def leave(self, point: PullPoint) -> None:
        """Give the place back: cameras have few. One that does not answer forgets it itself."""
        place = _acting(point.place, f"{_NOTIFICATION}/UnsubscribeRequest")
        with contextlib.suppress(OnvifError):
            await self._asking.ask_at(place, "<wsnt:Unsubscribe/>", 2.0)


def _create(inner: str) -> str:
    return f"<tev:CreatePullPointSubscription>{inner}</tev:CreatePullPointSubscription>"


def _acting(place: Place, action: str) -> Place:
    """WS-Addressing of one call: some makes find the subscription by these alone."""
    number = f"<wsa:MessageID>urn:uuid:{uuid.uuid4()}</wsa:MessageID>"
    header = f"{place.header}<wsa:Action>{action}</wsa:Action>{number}"
    return replace(place, header=header)


def _parameters(reference: Element) -> str:
    """ReferenceParameters, as WS-Addressing SOAP Binding §3.4 wants them back: in the header.

    Axis cameras tell subscriptions apart by these; the address is the same for all.
    """
    found = reference.first("ReferenceParameters")
    children = found.children[:_PARAMETERS_MAX] if found is not None else []
    return "".join(_sent_back(one) for one in children if one.namespace)


def _sent_back(one: Element) -> str:
    space, text = quoteattr(one.namespace), escape(one.text.strip())
    return f"<p:{one.name} xmlns:p={space}>{text}</p:{one.name}>"
