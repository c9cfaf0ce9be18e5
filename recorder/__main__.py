"""`python -m recorder --config FILE`: the recorder alone, with the cameras of the file.

Without a database of cameras; `vms recorder` is what a site runs. Meant for measuring, and for
trying the recorder on its own.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import uvloop

from recorder.supervisor import run_supervisor
from recorder.worker import run_worker
from vms.core.config_file import load_settings
from vms.core.log import configure_logging


def main() -> None:
    """Run one worker, or without `--worker` all of them."""
    parser = argparse.ArgumentParser(prog="python -m recorder", description=__doc__)
    parser.add_argument("--config", type=Path, default=Path("cameras.toml"))
    parser.add_argument("--worker", type=int)
    arguments = parser.parse_args()
    configure_logging()
    settings = load_settings(arguments.config)
    if arguments.worker is not None:
        cameras = settings.cameras
        uvloop.run(run_worker(settings, arguments.worker, lambda: cameras))
        return

    def command(index: int) -> tuple[str, ...]:
        config = str(arguments.config.resolve())
        return (sys.executable, "-m", "recorder", "--config", config, "--worker", str(index))

    uvloop.run(run_supervisor(settings, command))


if __name__ == "__main__":
    main()
