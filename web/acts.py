"""Which requests are put on record, and as what: by a route's method and path. Pure.

What changes something is always on record: a route that no line here names becomes `settings`, so
a new one can't be forgotten. Reading is on record where pictures or the audit itself go out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from vms.people.audit.entry import What

Manner = Literal["once", "merged", "told"]
"""`once`: an entry for each request; `merged`: requests that follow each other are one entry with
its span (a joystick sends ten a second); `told`: the route tells what goes out, here only what is
refused."""


@dataclass(frozen=True, slots=True)
class Act:
    """What a request does."""

    what: What
    manner: Manner = "once"


_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_CAMERA = "/api/cameras/{camera}"

# They change nothing, or nothing but what is on record by itself.
UNTOLD = frozenset(
    {
        ("POST", "/api/retention/preview"),
        ("DELETE", f"{_CAMERA}/live/whep/{{session}}"),
    }
)

_READ = {
    f"{_CAMERA}/segments/{{start_ns}}.mp4": Act(What.LOOK_BACK, "told"),
    f"{_CAMERA}/frame.jpg": Act(What.SNAPSHOT, "told"),
    f"{_CAMERA}/live/mse": Act(What.LIVE, "told"),
    f"{_CAMERA}/ptz/presets/{{token}}/picture.jpg": Act(What.SNAPSHOT),
    "/api/discovery/{search}/pictures/{number}.jpg": Act(What.DISCOVERY),
    "/api/exports/{export}/file": Act(What.DOWNLOAD),
    "/api/audit": Act(What.READ_AUDIT),
    "/api/audit.csv": Act(What.READ_AUDIT),
}
_STEERED = tuple(
    f"{_CAMERA}/ptz/{name}" for name in ("move", "stop", "absolute", "relative", "centre", "lease")
)
# The first that the path begins with.
_CHANGED: tuple[tuple[str, Act], ...] = (
    (f"{_CAMERA}/live", Act(What.LIVE, "told")),
    *((path, Act(What.STEER, "merged")) for path in _STEERED),
    (f"{_CAMERA}/ptz", Act(What.STEER)),
    (f"{_CAMERA}/device/focus", Act(What.DEVICE, "merged")),
    (f"{_CAMERA}/device", Act(What.DEVICE)),
    (f"{_CAMERA}/events", Act(What.EVENT)),
    ("/api/cameras", Act(What.CAMERAS)),
    ("/api/registry", Act(What.CAMERAS)),
    ("/api/discovery", Act(What.DISCOVERY)),
    ("/api/holds/{hold}/lift", Act(What.LIFT)),
    ("/api/holds", Act(What.HOLD)),
    ("/api/exports", Act(What.EXPORT)),
    ("/api/retention", Act(What.RETENTION)),
    ("/api/people", Act(What.PEOPLE)),
    ("/api/roles", Act(What.PEOPLE)),
    ("/api/approvals", Act(What.APPROVAL)),
    ("/api/account", Act(What.ACCOUNT)),
    ("/api/", Act(What.SETTINGS)),
)


def act_of(method: str, path: str) -> Act | None:
    """What a request to a route does; None: nothing that is on record unless it is refused.

    `path`: the route's, with its {parameters}; `method`: WS for a WebSocket.
    """
    if method in _SAFE or method == "WS":
        return _READ.get(path)
    if (method, path) in UNTOLD:
        return None
    if path == "/api/session":
        return Act(What.SIGN_OUT if method == "DELETE" else What.SIGN_IN)
    return next((act for start, act in _CHANGED if path.startswith(start)), None)
