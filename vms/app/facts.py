"""Facts about cameras for the command line, in the JSON of design §8."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from vms.app.site import Site
from vms.cameras.condition import problem_of, state_of_camera
from vms.core.clock import Instant, rfc3339
from vms.core.model import State
from vms.core.status import read_statuses


@dataclass(frozen=True, slots=True)
class CameraFacts:
    """One camera's main stream now. `waits_for`: why it is not recorded by choice, and
    `until_ns` when, as far as known. `fps`: pictures a second; `bitrate`: bits a second."""

    id: str
    name: str
    state: State
    since_ns: Instant | None
    source: str | None
    fps: float | None
    bitrate: int | None
    last_frame_ns: Instant | None
    clock_offset_ms: float | None
    problem: str | None
    problem_code: str | None
    detail: str | None
    waits_for: str | None
    until_ns: Instant | None

    def as_json(self) -> dict[str, Any]:
        """For `vms cameras --json`."""
        return {
            "id": self.id,
            "name": self.name,
            "state": str(self.state),
            "since": rfc3339(self.since_ns) if self.since_ns else None,
            "source": self.source,
            "fps": self.fps,
            "bitrate": self.bitrate,
            "last_frame": rfc3339(self.last_frame_ns) if self.last_frame_ns else None,
            "clock_offset_ms": self.clock_offset_ms,
            "problem": self.problem,
            "problem_code": self.problem_code,
            "detail": self.detail,
            "waits_for": self.waits_for,
            "until": rfc3339(self.until_ns) if self.until_ns else None,
        }


def camera_facts(site: Site) -> list[CameraFacts]:
    """Every registered camera, in the order of the settings. Blocks for a database access."""
    statuses = read_statuses(site.settings.run_dir, site.clock.now())
    facts = []
    for camera in site.registry.list():
        status = state_of_camera(camera, statuses, "main")
        problem = problem_of(status)
        flows = status.state in (State.RECORDING, State.STREAMING, State.WAITING)
        facts.append(
            CameraFacts(
                id=camera.settings.id,
                name=camera.settings.name,
                state=status.state,
                since_ns=status.since or None,
                source=status.source,
                fps=status.fps if flows else None,
                bitrate=status.bitrate if flows else None,
                last_frame_ns=status.last_frame,
                clock_offset_ms=status.clock_offset_ms,
                problem=problem,
                problem_code=str(status.cause) if problem and status.cause else None,
                detail=status.detail if problem else None,
                waits_for=str(status.cause) if status.state is State.WAITING else None,
                until_ns=status.until,
            )
        )
    return facts
