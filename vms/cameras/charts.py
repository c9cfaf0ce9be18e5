"""How every camera's checks stand: written by the custodian, read by web and commands.

One file under `run`, replaced whole, as the recorder's status is (docs/decisions/0003). Values
change with every look and nobody keeps them; what changed is in the database (`ailments`).
"""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vms.cameras.health.checks import Chart, Check, Checked, CheckState
from vms.core.clock import MINUTE, Instant, Span, parse_rfc3339, rfc3339

STALE = Span(MINUTE)
"""A file older than this means that nobody looks."""


@dataclass(frozen=True, slots=True)
class CameraChart:
    """`good`: when the picture was last as it should be; `looked`: when one was last looked at."""

    good: Instant | None
    looked: Instant | None
    checks: dict[Check, Checked]


@dataclass(frozen=True, slots=True)
class Charts:
    """All cameras at one moment. `at`: None when nobody looks."""

    at: Instant | None = None
    cameras: dict[str, CameraChart] = field(default_factory=dict)


def charts_path(run_dir: Path) -> Path:
    """Where the custodian writes."""
    return run_dir / "health.json"


def write_charts(run_dir: Path, charts: Mapping[str, Chart], now: Instant) -> None:
    """Replace the file; readers see the old or the new one, whole. Raises OSError."""
    cameras = {
        camera: {
            "good": _text(chart.good),
            "looked": _text(chart.looked),
            "checks": {check.value: _row(one) for check, one in chart.told(now).items()},
        }
        for camera, chart in charts.items()
    }
    path = charts_path(run_dir)
    fresh = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    facts = {"at": rfc3339(now, digits=9), "cameras": cameras}
    fresh.write_text(json.dumps(facts, separators=(",", ":")), encoding="utf-8")
    fresh.replace(path)


def read_charts(run_dir: Path, now: Instant) -> Charts:
    """As they were told last; empty when nobody has lately, or in words of another release."""
    try:
        facts = json.loads(charts_path(run_dir).read_text(encoding="utf-8"))
        at = parse_rfc3339(facts["at"])
        if not -STALE <= now - at <= STALE:
            return Charts()
        return Charts(at, {name: _chart(told) for name, told in facts["cameras"].items()})
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return Charts()


def _row(one: Checked) -> list[Any]:
    row = [one.state.value, _text(one.since), _text(one.at), one.value, one.limit, one.detail]
    return [*row, one.trouble] if one.trouble else row


def _chart(told: dict[str, Any]) -> CameraChart:
    checks = {
        Check(name): Checked(CheckState(state), _time(since), _time(at), value, limit, *words)
        for name, (state, since, at, value, limit, *words) in told["checks"].items()
    }
    return CameraChart(_time(told["good"]), _time(told["looked"]), checks)


@functools.lru_cache(4_096)  # most checks of most cameras were looked at in the same moment
def _text(time: Instant | None) -> str | None:
    return None if time is None else rfc3339(time, digits=9)


def _time(text: str | None) -> Instant | None:
    return None if text is None else parse_rfc3339(text)
