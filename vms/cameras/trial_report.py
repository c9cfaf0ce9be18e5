"""A trial as text for people: to read, and to attach to a report of a fault. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from vms.cameras.onvif.reading import shown
from vms.cameras.onvif.sentences import SENTENCES
from vms.cameras.trial import CameraTrial, OnvifTrial, Pictures, StreamTrial, warnings_of
from vms.cameras.trial_words import FLAWS, problem
from vms.core.clock import Span, rfc3339

_COUNTERS = ("packets", "lost", "late", "damaged", "malformed", "foreign", "resyncs", "jumps")


def report(trial: CameraTrial) -> str:
    """All that was found, the verdict first. Nothing secret stands in it."""
    lines = [
        f"Camera test of {trial.camera or 'an address'}, {rfc3339(trial.at, digits=0)}, "
        f"Gözcü {trial.version}",
        *_verdicts(trial),
    ]
    for stream in trial.streams:
        lines += ["", f"{stream.stream}: {stream.url}", *(f"  {line}" for line in _facts(stream))]
    if trial.onvif is not None:
        lines += ["", f"ONVIF: {trial.onvif.address}", *(f"  {one}" for one in _asked(trial.onvif))]
    for stream in trial.streams:
        if stream.dialogue:
            lines += ["", f"RTSP conversation of {stream.stream}", *stream.dialogue]
    return "\n".join(lines) + "\n"


def _verdicts(trial: CameraTrial) -> Iterator[str]:
    for one in trial.streams:
        if one.problem is not None:
            yield f"{one.stream}: {problem(one.problem).en} {one.detail or ''}".rstrip()
        else:
            yield f"{one.stream}: can be recorded."
        for flaw in warnings_of(one):
            yield f"{one.stream}: {FLAWS[flaw].en}"


def _facts(one: StreamTrial) -> Iterator[str]:
    if one.connected is None:
        return
    why = f" ({one.reason})" if one.reason else ""
    way = "RTP inside RTSP over TCP, native" if one.source == "native" else "libav"
    yield f"transport         {way}{why}"
    yield f"connected in      {_seconds(one.connected)}; watched for {_seconds(one.watched)}"
    if one.format is not None:
        size = f"{one.format.width}×{one.format.height}"
        yield f"video             {one.format.codec} ({one.format.mime_codec}) {size}"
    if one.pictures is not None:
        yield from _of_pictures(one.pictures)
    yield f"sound             {f'{one.sound}, {one.sounds} packets' if one.sound else 'none'}"
    counted = ", ".join(f"{name} {one.counters.get(name, 0)}" for name in _COUNTERS)
    yield f"RTP               {counted}"
    offset = f"; its clock is {_offset(one.clock_offset)}" if one.clock_offset is not None else ""
    yield f"sender reports    {one.sender_reports}{offset}"
    answered = {True: "answered", False: "not answered", None: "not seen"}[one.keep_alive]
    yield f"keep-alive        {answered}"
    for note in one.notes:
        yield f"note              {note}"


def _of_pictures(pictures: Pictures) -> Iterator[str]:
    declared = f"{pictures.declared:g}" if pictures.declared else "none"
    yield (
        f"pictures a second {pictures.fps:.1f} by our clock, {pictures.fps_of_camera:.1f} by the "
        f"camera's times, declared {declared}"
    )
    if pictures.first_key is not None:
        yield f"first keyframe    after {_seconds(pictures.first_key)}"
    if pictures.key_distance is not None:
        count, span = pictures.key_distance
        yield f"keyframes         every {count} pictures, {_seconds(span)}"
    else:
        yield f"keyframes         {pictures.keys} seen"
    yield (
        f"sizes             keyframes {pictures.key_size} bytes, all {pictures.size}, largest "
        f"{pictures.size_max}; {pictures.bitrate / 1e6:.2f} Mbit/s"
    )


def _asked(one: OnvifTrial) -> Iterator[str]:
    if one.trouble is not None:
        yield f"{SENTENCES[one.trouble].en} {one.detail or ''}".rstrip()
    if one.facts is None:
        return
    device = one.facts.device
    yield f"device            {device.make} {device.model}, firmware {device.firmware}"
    yield f"serial            {device.serial or '–'}; MAC {device.mac or '–'}"
    if device.clock_offset is not None:
        yield f"clock             {_offset(Span(device.clock_offset))} (whole seconds)"
    for name, stream in (("main", one.facts.main), ("sub", one.facts.sub)):
        if stream is not None:
            size = stream.profile.size or "of a size it does not tell"
            yield f"{name:<17} {stream.profile.codec} {size} {shown(stream.uri)}"


def _seconds(span: Span) -> str:
    return f"{span / 1e9:.2f} s"


def _offset(span: Span) -> str:
    return f"{abs(span) / 1e9:.2f} s {'ahead' if span > 0 else 'behind'}"
