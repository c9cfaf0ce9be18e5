"""Where a simulated head looks: moves take time, and are seen in its snapshot."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from vms.core.clock import SECOND, FakeClock
from vms.simulator.onvif.head import PRESETS_MAX, Head, View
from vms.simulator.onvif.picture import snapshot


def test_moves_take_time_and_end_at_the_edge() -> None:
    clock = FakeClock()
    head = Head(clock)
    head.go(View(0.5, 0, 0))
    assert head.moving
    clock.advance(SECOND // 2)
    assert head.view.pan == pytest.approx(0.25)
    head.stop()
    clock.advance(SECOND)
    assert (head.view.pan, head.moving) == (pytest.approx(0.25), False)
    head.drive(View(1, 0, 1), 10 * SECOND)
    clock.advance(20 * SECOND)
    assert (head.view, head.moving) == (View(1, 0, 1), False)


def test_presets_are_bounded_and_numbered() -> None:
    head = Head(FakeClock())
    assert [head.remember("", "") for _ in range(PRESETS_MAX)][-1] == f"preset-{PRESETS_MAX}"
    with pytest.raises(ValueError, match="taken"):
        head.remember("", "one more")


def test_the_snapshot_shows_where_the_head_looks() -> None:
    zone, wall = ZoneInfo("Europe/Istanbul"), 1_760_000_000 * SECOND
    left, right = (snapshot(1, "a", zone, View(pan), wall) for pan in (-1, 1))
    assert left[:2] == b"\xff\xd8"
    assert left != right
    assert left == snapshot(1, "a", zone, View(-1), wall)
