"""`python -m web.live --config cameras.toml --index 0`: one live process."""

from __future__ import annotations

import argparse
from pathlib import Path

import uvloop

from vms.core.config_file import load_settings
from vms.core.log import configure_logging
from web.live.process import run_live


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m web.live", description=__doc__)
    parser.add_argument("--config", type=Path, default=Path("cameras.toml"))
    parser.add_argument("--index", type=int, default=0)
    arguments = parser.parse_args()
    configure_logging()
    uvloop.run(run_live(load_settings(arguments.config), arguments.index))


if __name__ == "__main__":
    main()
