"""Half an hour with a healthy fleet: nobody is called sick. By `make nightly`."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from tests.system.site import drawn, new_site, simulated
from vms.app.site import open_site
from vms.cameras.ailments import Ailments
from vms.cameras.charts import read_charts
from vms.cameras.health.checks import Check, CheckState
from vms.core.clock import Instant, SystemClock

MINUTES = float(os.environ.get("VMS_SOAK_MINUTES", "30"))
CAMERAS = 6


@pytest.mark.nightly
@pytest.mark.timeout(7_200)
def test_a_healthy_fleet_is_left_in_peace(tmp_path: Path) -> None:
    names = [f"cadde-{number}" for number in range(CAMERAS)]
    with simulated(tmp_path, [drawn(name) for name in names]) as fleet:
        site = new_site(tmp_path)
        site.write([{"id": name, "source": fleet.url(name)} for name in names])
        with site.up():
            site.wait_recording(*names, within=60)
            ends = time.monotonic() + 60 * MINUTES
            while time.monotonic() < ends:
                time.sleep(5)
                states = {name: status.state for name in names if (status := site.status(name))}
                assert set(states.values()) == {"recording"}, states
            charts = read_charts(site.run_dir, SystemClock().now())
    with open_site(site.config) as opened:
        ailments = Ailments(opened.engine)
        assert [one for name in names for one in ailments.of(name, Instant(0))] == []
    # Nobody was called sick because everybody was looked at, not because nobody was.
    for name in names:
        checks = charts.cameras[name].checks
        for check in (Check.REACHABLE, Check.BLACK, Check.TURNED, Check.FROZEN, Check.FPS):
            assert checks[check].state is CheckState.WELL, (name, check)
