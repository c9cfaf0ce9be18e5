"""What the demo's simulated cameras cost: they must leave the machine to what they demonstrate."""

from __future__ import annotations

import time

from benchmarks.processes import cpu_seconds, tree, workplace
from benchmarks.report import Figure, Report
from benchmarks.site import simulator, wait_recording, write_settings
from vms.simulator.spec import DEMO_FLEET

SECONDS = 30


def run(seconds: int = SECONDS) -> Report:
    """The fleet with all its main and sub streams read by a recorder."""
    from benchmarks.processes import VMS, running

    with workplace() as folder, simulator(folder, "--demo") as served:
        sources: dict[str, tuple[str, str | None]] = {
            camera.id: (served.url(camera.id), served.url(camera.id, "sub"))
            for camera in DEMO_FLEET.cameras
            if camera.auth == "none"
        }
        more = "".join(
            f'[[cameras]]\nid = "{c.id}"\nsource = "{served.url(c.id)}"\n'
            f'sub = "{served.url(c.id, "sub")}"\nusername = "{c.username}"\n'
            f'password = "{c.password}"\n'
            for c in DEMO_FLEET.cameras
            if c.auth != "none"
        )
        config = write_settings(folder, sources, more=more)
        with running((*VMS, "recorder", "--config", str(config)), log=folder / "recorder.log") as r:
            wait_recording(config, len(DEMO_FLEET.cameras), within=60)
            time.sleep(5)
            fleet, recorder = tree(served.process.pid), tree(r.pid)
            before = cpu_seconds(fleet), cpu_seconds(recorder)
            time.sleep(seconds)
            used = cpu_seconds(fleet) - before[0], cpu_seconds(recorder) - before[1]
    return Report(
        name="demo_cpu",
        title="The demo's cameras",
        how=f"Six cameras with their sub-streams, drawn and coded live, for {seconds} s.",
        figures=(
            Figure(
                "the whole simulated fleet, % of a core", 100 * used[0] / seconds, "%", 60, digits=0
            ),
            Figure("the recorder beside it, % of a core", 100 * used[1] / seconds, "%", digits=1),
        ),
    )
