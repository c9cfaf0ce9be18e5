"""What a camera's notices mean: topics and their data to our kinds of event. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from vms.cameras.onvif.xml import Element
from vms.core.plain import plain

Kind = Literal["motion", "tamper", "digital_input", "signal_loss"]

_ITEMS_MAX = 32
_KNOWN_MAX = 64
_PREFIX = re.compile(r"[^/:]+:")

# Topic without prefixes → kind. A topic that goes on below one of these means the same.
# ONVIF Core appendix on topics; Imaging §5.5; Device IO §8.8; Analytics annex A.
TOPICS: dict[str, Kind] = {
    "VideoSource/MotionAlarm": "motion",
    "RuleEngine/CellMotionDetector/Motion": "motion",
    "RuleEngine/MotionRegionDetector/Motion": "motion",
    "RuleEngine/FieldDetector/ObjectsInside": "motion",
    "VideoAnalytics/MotionDetection": "motion",
    "CameraApplicationPlatform/VMD": "motion",  # Axis
    "VideoSource/GlobalSceneChange": "tamper",
    "RuleEngine/TamperDetector/Tamper": "tamper",
    "RuleEngine/CellMotionDetector/Tamper": "tamper",  # TP-Link
    "VideoSource/Tampering": "tamper",  # Axis
    "Device/Trigger/DigitalInput": "digital_input",
    "Device/Trigger/AlarmIn": "digital_input",  # Hikvision
    "VideoSource/SignalLoss": "signal_loss",
}
_BY_LOWER = {f"{topic.lower()}/": kind for topic, kind in TOPICS.items()}  # makers' case differs
# The datum that says whether it is so; makers have their own words for the same.
_STATES = (
    "state", "ismotion", "istamper", "isinside", "logicalstate", "value", "active", "tampering",
)  # fmt: skip
# The source that names a lens: VideoSourceToken, VideoSourceConfigurationToken, Source.
_SOURCE_NAMES = ("videosource", "source")
_ON, _OFF = {"true", "1", "active", "on"}, {"false", "0", "inactive", "off"}


@dataclass(frozen=True, slots=True)
class Notice:
    """One NotificationMessage. `topic` without prefixes; `source`, `data`: name → value. `gone`:
    what it told of is not there any more."""

    topic: str
    source: dict[str, str]
    data: dict[str, str]
    gone: bool = False


@dataclass(frozen=True, slots=True)
class Told:
    """Something of ours begins (`on`) or ends. `source`: which input or area, one short line."""

    kind: Kind
    source: str
    on: bool


def notices_of(answer: Element, limit: int) -> list[Notice]:
    """PullMessages: the notices in their order, at most `limit`."""
    found = []
    for message in answer.all("NotificationMessage"):
        said = plain("".join(message.words("Topic").split()), 200)
        topic = _PREFIX.sub("", said).rstrip("/.")
        done = (one.attributes.get("PropertyOperation", "") for one in message.all("Message"))
        gone = any(one.lower() == "deleted" for one in done)
        found.append(Notice(topic, _items(message, "Source"), _items(message, "Data"), gone))
        if len(found) == limit:
            break
    return found


def without_others(notices: list[Notice], others: frozenset[str]) -> list[Notice]:
    """Those that are not of another video source of the device, by its tokens `others`.

    What names no video source, such as a digital input, is of all of them.
    """
    return [
        one
        for one in notices
        if not any(
            value in others
            for name, value in one.source.items()
            if name.lower().startswith(_SOURCE_NAMES)
        )
    ]


def told_by(notice: Notice) -> Told | None:
    """What a notice means to us; None when it is of no kind we know, or says neither."""
    kind = _kind(notice.topic)
    data = {name.lower(): value.strip().lower() for name, value in notice.data.items()}
    state = next((data[name] for name in _STATES if data.get(name) in _ON | _OFF), None)
    if notice.gone:
        state = "off"
    if kind is None or state is None:
        return None
    source = plain(" ".join(notice.source.values()), 100)
    return Told(kind, source, state in _ON)


def changes(notices: list[Notice], known: dict[tuple[Kind, str], bool]) -> list[Told]:
    """What is news against `known` (kind and source → on); `known` is brought up to date.

    Cameras repeat themselves, some with each picture: of one source there is at most a beginning
    and an end. A camera has some dozen inputs and areas: what would make `known` larger is dropped.
    """
    ends: dict[tuple[Kind, str], bool] = {}  # how each source is after all of them
    was_on: set[tuple[Kind, str]] = set()
    for told in filter(None, map(told_by, notices)):
        key = (told.kind, told.source)
        if key in known or len(known.keys() | ends.keys()) < _KNOWN_MAX:
            ends[key] = told.on
            was_on |= {key} if told.on else set()
    news = []
    for key, on in ends.items():
        before = known.get(key)
        if not before and key in was_on:
            news.append(Told(*key, on=True))
        if not on and (before is not False or key in was_on):
            news.append(Told(*key, on=False))
        known[key] = on
    return news


def _kind(topic: str) -> Kind | None:
    whole = f"{topic.lower()}/"
    return next((kind for name, kind in _BY_LOWER.items() if whole.startswith(name)), None)


def _items(message: Element, name: str) -> dict[str, str]:
    found = message.first("Message", name)
    items = list(found.all("SimpleItem"))[:_ITEMS_MAX] if found is not None else []
    told = [{name.lower(): value for name, value in one.attributes.items()} for one in items]
    return {one.get("name", ""): one.get("value", "") for one in told}
