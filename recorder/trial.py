"""Trying a stream for some seconds, through the very code that records, and storing nothing."""

from __future__ import annotations

import asyncio
import dataclasses
import random
from dataclasses import dataclass

from recorder.native import NativeSource
from recorder.observation import Observation
from recorder.opening import open_source
from recorder.rtsp.transcript import Transcript
from recorder.source import SILENCE, Source, Target
from vms.cameras.trial import StreamTrial
from vms.core.clock import MILLISECOND, SECOND, Clock, Mono, Span
from vms.core.errors import CameraError
from vms.core.model import Cause
from vms.core.source_url import split_credentials, split_password

_SWEEP = Span(50 * MILLISECOND)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a stream is watched after its first picture: until the second keyframe, but no
    less than `least` and no more than `most`. `silence`: how long without any. `answer`: how
    long a keep-alive may take before it counts as unanswered.
    """

    least: Span
    most: Span
    silence: Span
    answer: Span


THOROUGH = Patience(Span(8 * SECOND), Span(12 * SECOND), SILENCE, SECOND)
BRIEF = Patience(Span(2 * SECOND), Span(4 * SECOND), Span(6 * SECOND), SECOND)
"""For somebody who waits at a screen."""


async def try_stream(
    target: Target, clock: Clock, rng: random.Random, patience: Patience = THOROUGH
) -> StreamTrial:
    """Dial, watch, hang up. What is wrong stands in the result; nothing is raised for it."""
    password = target.password.reveal() if target.password is not None else None
    transcript = Transcript(target.username, password)
    trial = StreamTrial(target.stream.name, shown_url(target.url))
    began = clock.monotonic()
    try:
        source = await open_source(
            target, clock, rng, silence=patience.silence, transcript=transcript
        )
    except CameraError as error:
        return _failed(trial, error, transcript)
    connected = Span(clock.monotonic() - began)
    seen = Observation(began, clock.now() - clock.monotonic())
    trial = dataclasses.replace(
        trial, connected=connected, source=source.kind, reason=source.reason, notes=source.notes
    )
    try:
        keep_alive = await _watch(source, seen, clock, patience, transcript)
    except CameraError as error:
        return _failed(_filled(trial, source, seen, began, clock), error, transcript)
    finally:
        source.close()
        await source.closed()
    done = _filled(trial, source, seen, began, clock)
    return dataclasses.replace(
        done, keep_alive=keep_alive, dialogue=transcript.messages, sdp=transcript.sdp
    )


def shown_url(url: str) -> str:
    """The address as it may be told."""
    bare = split_credentials(url)[0]
    try:
        return split_password(bare)[0]
    except ValueError:  # two of them: nothing of it is told
        return bare.partition("?")[0]


async def _watch(
    source: Source, seen: Observation, clock: Clock, patience: Patience, transcript: Transcript
) -> bool | None:
    """Look until enough was seen; whether a keep-alive was answered. Raises CameraError."""
    started = clock.monotonic()
    asked: Mono | None = None
    answers = 0
    while True:
        await asyncio.sleep(_SWEEP / SECOND)
        seen.feed(source.sweep().units)
        now = clock.monotonic()
        if seen.keys and asked is None and isinstance(source, NativeSource):
            asked, answers = now, transcript.answered
            source.keep_alive()
        heard = transcript.answered > answers
        enough = seen.keys > 1 and now - started >= patience.least
        waits = asked is not None and not heard and now - asked < patience.answer
        if seen.keys and (enough or now - started >= patience.most) and not waits:
            return heard if asked is not None else None
        if now - started >= patience.most + patience.silence:
            raise CameraError(Cause.SILENT, "No keyframe came within the time of the trial.")


def _filled(
    trial: StreamTrial, source: Source, seen: Observation, began: Mono, clock: Clock
) -> StreamTrial:
    stream = seen.format
    sound = stream.audio if stream is not None else None
    return dataclasses.replace(
        trial,
        watched=Span(clock.monotonic() - began - (trial.connected or 0)),
        notes=source.notes,
        format=stream.video if stream is not None else None,
        sound=f"{sound.codec} {sound.clock_rate} Hz" if sound is not None else None,
        sounds=seen.sounds,
        pictures=seen.pictures(),
        counters=dataclasses.asdict(source.stats),
        sender_reports=seen.reports,
        clock_offset=seen.clock_offset,
        keyframe=seen.keyframe,
    )


def _failed(trial: StreamTrial, error: CameraError, transcript: Transcript) -> StreamTrial:
    return dataclasses.replace(
        trial,
        problem=error.cause,
        detail=transcript.masked(error.detail),
        dialogue=transcript.messages,
        sdp=transcript.sdp,
    )
