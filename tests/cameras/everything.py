"""Cameras with every setting that one can have, for tests of what is to keep them all."""

from __future__ import annotations

import datetime as dt
from typing import Any

from hypothesis import strategies as st

from vms.cameras.entry import entered
from vms.core.config_camera import CameraSettings

# `|` stands between groups in a CSV; it is said.
_LETTERS = st.sampled_from("aşĞİı Z9.,;:'\"=+-@\\#/${}[]é\t€")
_IN_LINES = st.one_of(_LETTERS, st.just("\n"))
_NAMES = st.sampled_from(["office", "night", "mesai-1"])
_DAYS = st.dates(dt.date(1990, 1, 1), dt.date(2100, 1, 1)).map(str)


def _text(most: int, letters: st.SearchStrategy[str] = _LETTERS) -> st.SearchStrategy[str]:
    return st.text(letters, max_size=most).map(lambda text: text.replace("\t", "") or "x")


def _perhaps(one: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(st.none(), one)


def _share() -> st.SearchStrategy[float]:
    return st.floats(0, 0.2).map(lambda value: round(value, 4))


@st.composite
def _zones(draw: st.DrawFn) -> list[dict[str, Any]]:
    names = draw(st.lists(st.sampled_from(["kapı", "a, b", "=yol", '"x"']), unique=True))
    return [
        {
            "name": name,
            "points": [[draw(_share()), draw(_share())], [0.9, draw(_share())], [0.9, 0.8]],
            "include": draw(st.booleans()),
        }
        for name in names
    ]


_SPANS = st.one_of(
    st.integers(0, 60).map(lambda seconds: f"{seconds} s"),
    st.integers(0, 60_000).map(lambda ms: f"{ms} ms"),
    st.integers(0, 60_000_000_000),
)
_PLACE = st.fixed_dictionaries(
    {"lat": st.floats(-90, 90), "lon": st.floats(-180, 180)},
    optional={"heading": st.floats(0, 360), "fov": st.floats(0.001, 360)},
)
_LABEL = st.fixed_dictionaries(
    {},
    optional={
        **{name: _text(20) for name in ("make", "model", "serial", "firmware")},
        "mac": st.just("ac:cc:8e:c1:23:45"),
        "installed": _DAYS,
        "warranty_until": _DAYS,
        "notes": _text(60, _IN_LINES),
    },
)
_MOTION = st.fixed_dictionaries({"sensitivity": st.integers(1, 5), "zones": _zones()})
_RECORD = st.one_of(
    st.sampled_from(["continuous", "events", "off"]), _NAMES.map(lambda name: f"schedule:{name}")
)


@st.composite
def cameras(draw: st.DrawFn) -> CameraSettings:
    """One camera; its schedules are office, night and mesai-1."""
    sub = draw(_perhaps(st.just("rtsp://10.0.0.5:8554/sub?channel=1&x='=a;b,c'")))
    values = {
        "id": draw(st.sampled_from(["gate-north", "a", "x9"])),
        "name": draw(_text(30)),
        "groups": draw(st.lists(_text(12).filter(str.strip), max_size=4)),
        "source": draw(
            st.sampled_from(["rtsp://10.0.0.5/main", "file:///x.mp4", "udp://239.0.0.1:5000"])
        ),
        "sub": sub,
        "onvif": draw(_perhaps(st.sampled_from(["http://10.0.0.5", "https://[fd00::1]:8443/x"]))),
        "onvif_certificate": draw(st.sampled_from(["any", "checked", f"sha256:{'0a' * 32}"])),
        "username": draw(_perhaps(_text(20))),
        "transport": draw(st.sampled_from(["auto", "tcp", "udp", "libav"])),
        "record": draw(_RECORD),
        "privacy": draw(_perhaps(_NAMES)),
        "pre_roll": draw(_SPANS),
        "post_roll": draw(_SPANS),
        "location": draw(_perhaps(_PLACE)),
        "motion": draw(_perhaps(_MOTION)) if sub is not None else None,
        "inventory": draw(_perhaps(_LABEL)),
    }
    camera = entered({key: value for key, value in values.items() if value is not None})
    # An empty user is no user, in a cell as on a line.
    return camera.model_copy(update={"username": camera.username or None})
