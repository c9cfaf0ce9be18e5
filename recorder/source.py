"""What the recorder's worker needs from a camera's stream: a source that is swept for its units.

Two sources fulfil this: `recorder.native` (RTSP over TCP, read by ourselves) and
`recorder.libav` (all else). Which one serves a target, and why, is decided by `open_source` in
`recorder.opening`; a source knows nothing of segments, gaps or viewers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, Protocol

from vms.core.clock import SECOND, Span
from vms.core.errors import CameraError
from vms.core.media import AccessUnit, SenderReport, StreamFormat
from vms.core.model import Cause, StreamKey
from vms.core.networks import ANYWHERE, Networks
from vms.core.source_url import with_password

Transport = Literal["auto", "tcp", "udp", "libav"]
Kind = Literal["native", "libav"]

STEP_DEADLINE = Span(5 * SECOND)
"""How long one step of connecting may take: name, TCP, TLS, each RTSP request."""

SILENCE = Span(8_500_000_000)
"""Without video for so long a camera is silent: the next sweep notices and the next status, each
second, tells; whoever asks knows within 10 s."""


class Password(Protocol):
    """A secret that shows itself only when asked (`vms.core.config.Secret`)."""

    def reveal(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Target:
    """What to connect to, if it lies in `reach`. A user and password inside `url` count when the
    fields are None.
    """

    stream: StreamKey
    url: str
    username: str | None = None
    password: Password | None = None
    transport: Transport = "auto"
    reach: Networks = ANYWHERE

    def dialled(self) -> str:
        """The address as the camera wants it, with a secret in it on some makes: for no log."""
        return with_password(self.url, self.password.reveal()) if self.password else self.url


@dataclass(frozen=True, slots=True)
class Hole:
    """Pictures are missing before the keyframe that comes next, for this cause."""

    cause: Cause


Element = AccessUnit | StreamFormat | SenderReport | Hole


@dataclass(slots=True)
class SourceStats:
    """Counters of one run; only the source writes them.

    `lost`: packets missing by sequence number. `late`: packets that came twice, or after their
    successors; they are not taken. `damaged`: pictures not handed on because a part
    of them, or the keyframe they build on, is missing, or they are too large. `resyncs`: times the
    framing was lost and found again. `garbage`: bytes skipped meanwhile. `malformed`: packets that
    could not be read. `foreign`: packets of another session on our connection. `dropped`: units
    thrown away because a bounded queue was full (libav only). `jumps`: times the camera's media
    clock leapt.
    """

    packets: int = 0
    bytes: int = 0
    units: int = 0
    lost: int = 0
    late: int = 0
    damaged: int = 0
    resyncs: int = 0
    garbage: int = 0
    malformed: int = 0
    foreign: int = 0
    dropped: int = 0
    jumps: int = 0


@dataclass(slots=True)
class Batch:
    """What one sweep brought, in order; a StreamFormat holds for the units behind it.

    The first unit of a run is a keyframe, and a StreamFormat stands before it. A Hole stands
    before the keyframe, and its StreamFormat, with which a stream goes on that had begun anew.
    """

    units: list[Element] = field(default_factory=list)


class Source(Protocol):
    """One run: an open, playing connection.

    `sweep` never blocks; it raises CameraError when the run is over, broken or silent, and units
    that came before are handed out by the sweep before. `fileno` is readable when a sweep would
    bring something, None for a source that is only polled. `close` says goodbye as far as that
    doesn't block and may be called twice; `closed` waits, bounded, until all is let go.
    `reason` says why it isn't the native one; `notes` are what the camera's page should mention.
    """

    @property
    def kind(self) -> Kind: ...
    @property
    def reason(self) -> str | None: ...
    @property
    def notes(self) -> tuple[str, ...]: ...
    @property
    def format(self) -> StreamFormat | None: ...
    @property
    def stats(self) -> SourceStats: ...
    def fileno(self) -> int | None: ...
    def sweep(self) -> Batch: ...
    def close(self) -> None: ...
    async def closed(self) -> None: ...


class LockedOut(CameraError):
    """The camera says that the account, or our address, is locked: too many were refused."""

    def __init__(self, peer: str, said: str) -> None:
        text = (
            f"{peer} says that the account is locked ({said}); it is tried again in half an hour."
        )
        super().__init__(Cause.REFUSED, text)


class NotNative(CameraError):
    """The camera can be reached, but not by the native source; libav may do it."""
