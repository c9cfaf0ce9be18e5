"""Two hundred cameras for a minute, then every stored picture counted by the stamp it carries."""

from __future__ import annotations

import time
from pathlib import Path

from benchmarks.processes import VMS, cpu_seconds, memory_bytes, running, tree, workplace
from benchmarks.report import Figure, Report
from benchmarks.site import load_name, simulator, wait_recording, write_settings
from benchmarks.stored import coded_units, segment_files
from vms.simulator.audit import audit_units

CAMERAS = 200
SECONDS = 60


def run(cameras: int = CAMERAS, seconds: int = SECONDS) -> Report:
    """Record, stop, and audit the files with libav as the reader."""
    names = [load_name(number) for number in range(cameras)]
    with workplace() as folder, simulator(folder, "--load", str(cameras)) as served:
        config = write_settings(folder, {name: (served.url(name), None) for name in names})
        cpu, memory = _record(folder, config, cameras, seconds)
        total = served.ask(op="stats")["total"]
        faults, units = _audit(folder / "video", names)
    wanted = cameras * (seconds - 2) * 25
    return Report(
        name="recorder_audit",
        title="Nothing lost at two hundred cameras",
        how=(
            f"{cameras} cameras of 4 Mbit/s, {seconds} s; afterwards every stored picture is read "
            "back by libav and checked against the stamp (counter, time, CRC of the coded bytes) "
            "that the camera put into it."
        ),
        figures=(
            Figure("pictures lost, duplicated, changed or out of order", faults, "", 0, digits=0),
            Figure("pictures audited", units, "", wanted, "at least", digits=0),
            Figure("memory per camera (PSS, beyond an idle recorder)", memory / 1e6, "MB", 1.5),
            Figure("CPU per camera, % of a core", cpu, "%", 0.20, digits=3),
        ),
        notes=(f"pictures that the simulator could not send in time: {total['slow_drops']}",),
    )


def _record(folder: Path, config: Path, cameras: int, seconds: int) -> tuple[float, float]:
    """CPU per camera in % of a core, and bytes of memory per camera."""
    idle = _idle_memory(folder)
    with running(
        (*VMS, "recorder", "--config", str(config)), log=folder / "recorder.log"
    ) as process:
        wait_recording(config, cameras, within=90)
        time.sleep(3)
        members = tree(process.pid)
        before, started = cpu_seconds(members), time.monotonic()
        time.sleep(seconds)
        used, lasted = cpu_seconds(members) - before, time.monotonic() - started
        memory = memory_bytes(members) - idle
    return 100 * used / lasted / cameras, memory / cameras


def _idle_memory(folder: Path) -> int:
    """What a recorder without cameras holds."""
    empty = folder / "idle"
    empty.mkdir()
    config = write_settings(empty, {})
    with running((*VMS, "recorder", "--config", str(config)), log=folder / "idle.log") as process:
        time.sleep(4)
        return memory_bytes(tree(process.pid))


def _audit(volume: Path, names: list[str]) -> tuple[int, int]:
    faults = units = 0
    for name in names:
        report = audit_units(coded_units(segment_files(volume, name)))
        units += report.units
        bad = report.lost + report.duplicated + report.changed + report.out_of_order
        faults += bad + report.unstamped + (report.units == 0)
        for example in report.examples[:3]:
            print(f"  {name}: {example}")
    return faults, units
