"""Makes the page for people in a process of its own.

What draws it takes 50 MB that would stay with the custodian for months, and most of a second to
load, which passes here while footage is copied.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from pathlib import Path

from vms.core.errors import VmsError
from vms.evidence.manifest import Manifest
from vms.evidence.words import Language

_LONGEST = 120  # seconds for one page on a machine that has much else to do
_ROOT = Path(__file__).resolve().parent.parent.parent


class Printer:
    """A process that waits for one manifest. A context manager; leaving it ends the process."""

    def __enter__(self) -> Printer:
        paths = [str(_ROOT), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "vms.evidence.printer"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
        )
        return self

    def __exit__(self, *exc: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.communicate()

    def page(self, manifest: Manifest, language: Language) -> bytes:
        """The page as PDF. Raises VmsError."""
        try:
            page, told = self._process.communicate(pickle.dumps((manifest, language)), _LONGEST)
        except subprocess.TimeoutExpired:
            raise VmsError(f"the page for people was not made within {_LONGEST} s") from None
        if self._process.returncode:
            last = told.decode("utf-8", "replace").strip().rpartition("\n")[2]
            raise VmsError(f"the page for people can't be made: {last}")
        return page


def _main() -> None:
    from vms.evidence.report import blank, report

    pdf = blank()  # while the manifest is still being made
    manifest, language = pickle.load(sys.stdin.buffer)  # noqa: S301 - from our own process
    sys.stdout.buffer.write(report(manifest, language, pdf))


if __name__ == "__main__":
    _main()
