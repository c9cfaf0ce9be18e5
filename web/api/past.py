"""What the routes of a camera's past share: who asks, for what, and what they may see."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Depends, Request

from vms.core.clock import Instant, rfc3339
from vms.people.permissions import Permission
from vms.people.sessions import SignedIn
from web.api.times import AskedSpan, asked_span
from web.parts import parts_of
from web.permit import Permit
from web.playback.shown import Shown

Looks = Annotated[SignedIn, Depends(Permit(Permission.ARCHIVE))]
Stream = Literal["main", "sub"]
Asked = Annotated[AskedSpan, Depends(asked_span)]


def shown_to(request: Request, by: SignedIn) -> Shown:
    """The archive without what is hidden from somebody."""
    return Shown(parts_of(request).archive, by.identity)


def time_or_none(instant: Instant | None) -> str | None:
    """RFC 3339, or null."""
    return rfc3339(instant) if instant is not None else None
