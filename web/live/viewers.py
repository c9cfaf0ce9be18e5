"""Who watches what by which way: for `/metrics`, the camera's page and the log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from vms.core.clock import rfc3339
from vms.core.model import StreamKey

VIEWERS_MAX = 500
"""Viewers of one process on each path; one more is refused, so that the others keep their pace."""


@dataclass(frozen=True, slots=True)
class Watcher:
    """Who watches: a name for people, and by what they were let in.

    `permit`: names the sign-in or API token, for whoever asks whether it still holds; `address`:
    where they are. Both empty where nobody asks. `hears`: whether they are sent sound; `informed`:
    whether they want what is said of the stream besides (MSE).
    """

    user: str
    permit: str = ""
    address: str = ""
    hears: bool = False
    informed: bool = False

    @classmethod
    def told(cls, user: str, facts: Mapping[str, object]) -> Watcher:
        """As the API process tells it. Only the very word `yes` lets somebody hear."""
        permit, address = (str(facts.get(name, "")) for name in ("permit", "address"))
        hears, informed = (facts.get(name) == "yes" for name in ("hears", "informed"))
        return cls(user, permit, address, hears, informed)


@dataclass(frozen=True, slots=True)
class ViewerFacts:
    """One viewer now. `since`: UTC ns; `skips`: how often it was moved to the next keyframe."""

    stream: StreamKey
    watcher: Watcher
    path: Literal["whep", "mse"]
    since: int
    connected: bool
    bytes: int
    skips: int
    resent: int = 0
    fraction_lost: float = 0.0

    def as_json(self) -> dict[str, object]:
        return {
            "camera": self.stream.camera,
            "stream": self.stream.name,
            "user": self.watcher.user,
            "permit": self.watcher.permit,
            "address": self.watcher.address,
            "hears": self.watcher.hears,
            "path": self.path,
            "since": rfc3339(self.since),
            "connected": self.connected,
            "bytes": self.bytes,
            "dropped": self.skips,
            "resent": self.resent,
            "fraction_lost": round(self.fraction_lost, 4),
        }


class Viewer(Protocol):
    """Somebody watching."""

    def facts(self) -> ViewerFacts: ...
    def stop(self) -> None:
        """Send this viewer away, soon."""
