"""A PostgreSQL of the tests' own, for what must be the same there as on SQLite."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@contextlib.contextmanager
def postgresql_server() -> Iterator[str]:
    """A server on a socket, empty; its URL. The test is skipped where there is none to start."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    initdb = str(programs[-1]) if programs else shutil.which("initdb")
    if initdb is None:
        pytest.skip("no PostgreSQL on this machine")
    server = "postgres" if os.getuid() == 0 else None  # it refuses to run as root
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if server is not None:
            shutil.chown(folder, server)
        control = [str(Path(initdb).with_name("pg_ctl")), "-D", f"{folder}/data", "-w", "-s"]
        options = f"-k {folder} -c listen_addresses= -c fsync=off"
        log = f"{folder}/log"
        subprocess.run(
            [initdb, "-D", f"{folder}/data", "-U", "vms", "-A", "trust", "-E", "UTF8", "-N"],
            check=True, user=server, cwd=folder, capture_output=True,
        )  # fmt: skip
        subprocess.run(
            [*control, "-l", log, "-o", options, "start"], check=True, user=server, cwd=folder
        )
        try:
            yield f"postgresql://vms@/postgres?host={folder}"
        finally:
            stop = [*control, "-m", "immediate", "stop"]
            subprocess.run(stop, check=True, user=server, cwd=folder)
