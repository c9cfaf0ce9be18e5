"""A small site with footage, and the command line in this process."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from storage.recording import Store
from tests.storage.house import Recorder
from vms.cli import run
from vms.core.clock import SECOND, FakeClock
from vms.core.config import Settings
from vms.core.model import CameraId, StreamKey

SETTINGS = """
[system]
data = "data"

[network]
allow = ["10.0.0.0/8", "127.0.0.0/8"]

[[volumes]]
path = "video"
reserve = "0 B"

[[cameras]]
id = "gate-north"
source = "rtsp://10.255.255.1/main"
"""
START = 1_763_800_000 * SECOND


def record(settings: Settings, seconds: int = 9, start: int = START) -> None:
    """Seconds of footage of gate-north from `start`, in segments of 3 s."""
    clock = FakeClock(start)
    stream = StreamKey(CameraId("gate-north"))
    with Store(settings, clock, threads=False) as store:
        store.recover([stream])
        recorder = Recorder(store, clock, stream)
        for _ in range(seconds):
            clock.advance(SECOND)
            recorder.step()
            store.pump()
        assert recorder.segment is not None
        recorder.segment.close(clock.now())
        store.pump()


@dataclass
class Vms:
    """The command line in this process: a new Python for each command takes its seconds."""

    config: Path
    capture: pytest.CaptureFixture[str]
    patch: pytest.MonkeyPatch

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        self.patch.setattr(sys, "argv", ["vms", *arguments, "--config", str(self.config)])
        self.capture.readouterr()
        with pytest.raises(SystemExit) as ended:
            run()
        code = ended.value.code or 0
        assert isinstance(code, int)
        return subprocess.CompletedProcess(arguments, code, *self.capture.readouterr())
