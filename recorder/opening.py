"""Which source serves a target, and why: the native one first, libav for what it doesn't speak."""

from __future__ import annotations

import random

from recorder.native import open_native, refuse_redirection
from recorder.rtsp.transcript import Transcript
from recorder.source import SILENCE, STEP_DEADLINE, NotNative, Source, Target
from vms.core.clock import Clock, Span
from vms.core.errors import CameraError
from vms.core.model import Cause

_NATIVE_SCHEMES = ("rtsp", "rtsps")


async def open_libav(
    target: Target,
    clock: Clock,
    reason: str,
    over_udp: bool,
    deadline: Span = STEP_DEADLINE,
    silence: Span = SILENCE,
) -> Source:
    """`recorder.libav.open_libav`, loaded when first needed: its libraries take long to load."""
    from recorder import libav

    return await libav.open_libav(target, clock, reason, over_udp, deadline, silence)


async def open_source(
    target: Target,
    clock: Clock,
    rng: random.Random,
    deadline: Span = STEP_DEADLINE,
    silence: Span = SILENCE,
    transcript: Transcript | None = None,
) -> Source:
    """Open a target; `deadline` is for each step of connecting. Raises CameraError.

    `transcript` writes down the native source's conversation.
    """
    scheme = target.url.partition(":")[0].strip().lower()
    udp = target.transport == "udp"
    if scheme not in _NATIVE_SCHEMES:
        reason = f"Addresses that begin with {scheme}: are read through libav."
        return await open_libav(target, clock, reason, udp, deadline, silence)
    if target.transport in ("udp", "libav"):
        await refuse_redirection(target, deadline)
        reason = f"The settings say transport = {target.transport}."
        return await open_libav(target, clock, reason, udp, deadline, silence)
    try:
        return await open_native(target, clock, rng, deadline, silence, transcript)
    except NotNative as error:
        if target.transport == "tcp":
            raise
        refusal = error
    over_udp = refusal.cause is not Cause.UNSUPPORTED_CODEC
    try:
        return await open_libav(target, clock, refusal.detail, over_udp, deadline, silence)
    except CameraError as error:
        if error.cause is refusal.cause:
            raise refusal from error  # the first says more precisely what the camera offers
        raise
