"""What is known of each tier, for people: does it answer, what stands there, the last trouble."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from storage.findings import Findings, KeptFinding, Kind
from storage.tiers.moves import Moves, Stored
from storage.tiers.opened import Tier, Tiers
from vms.core.clock import SECOND, Clock, rfc3339
from vms.core.errors import StorageError

if TYPE_CHECKING:
    from sqlalchemy import Engine

GOOD = "good"


@dataclass(frozen=True, slots=True)
class TierFacts:
    """One tier. `state`: good, or the cause why not, with `detail`; `last`: the last trouble."""

    tier: Tier
    state: str
    detail: str
    stored: Stored
    last: KeptFinding | None

    def as_json(self) -> dict[str, object]:
        """The contract of `vms storage tiers --json`."""
        settings, oldest = self.tier.settings, self.stored.oldest
        return {
            "name": self.tier.name,
            "url": self.tier.url,
            "endpoint": settings.endpoint,
            "after": settings.after / SECOND,
            "cameras": list(settings.cameras),
            "state": self.state,
            "detail": self.detail,
            "segments": self.stored.segments,
            "bytes": self.stored.size,
            "oldest": None if oldest is None else rfc3339(oldest, digits=9),
            "last_error": None if self.last is None else self.last.as_json(),
        }


def tier_facts(tiers: Tiers, engine: Engine, clock: Clock) -> list[TierFacts]:
    """All tiers, each asked now: a bucket that does not answer costs some seconds."""
    moves, recent = Moves(engine), Findings(engine, clock).recent()
    found = []
    for tier in tiers:
        known = moves.uuid_of(tier.url)
        stored = Stored(0, 0, None) if known is None else moves.stored(known)
        state, detail = _asked(tier, known if stored.segments else None)
        troubles = (one for one in recent if one.kind == Kind.TIER_UNREACHABLE)
        last = next((one for one in troubles if one.subject == tier.name), None)
        found.append(TierFacts(tier, state, detail, stored, last))
    return found


def _asked(tier: Tier, expected: str | None) -> tuple[str, str]:
    try:
        if expected is not None:
            tier.require(expected, anew=True)
        elif tier.identity() is None:
            return GOOD, "answers; nothing has moved there yet"
    except StorageError as error:
        return error.cause.value, error.detail
    return GOOD, ""
