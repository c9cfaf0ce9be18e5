"""What all the tests share, and what the whole run says at its end: cases, quirks, inputs."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

from tests.postgresql import postgresql_server
from tests.storage.cases import Cases, summary


@pytest.fixture
def cases(request: pytest.FixtureRequest) -> Cases:
    """Counts this test's crash points for the line at the end."""
    return Cases(request.node.user_properties, getattr(request, "param", None))


@pytest.fixture(scope="session")
def ground() -> Iterator[Path]:
    """A folder in memory where world after world is laid out: at one place, for `kept_engine`."""
    base = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with tempfile.TemporaryDirectory(dir=base) as name:
        yield Path(name)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a migrated database stands, or will, that `fresh_database` copies for each test."""
    return tmp_path_factory.mktemp("database") / "template.db"


@pytest.fixture(scope="module")
def postgresql() -> Iterator[str]:
    """The URL of an empty PostgreSQL."""
    with postgresql_server() as url:
        yield url


class _TownTogether(LoadFileScheduling):
    """By file, but all that looks at the running town goes to one process: a town each would take
    a third of the machine from the other tests."""

    _town = frozenset(
        f"tests/system/{file.name}"
        for file in (Path(__file__).parent / "system").glob("test_*.py")
        if re.search("(running|whole)_town", file.read_text())
    )

    def _split_scope(self, nodeid: str) -> str:
        scope = super()._split_scope(nodeid)
        return "town" if scope in self._town else scope


_LONG = (
    *("system/test_restore", "system/test_volumes", "cli/test_ledger", "system/test_canaries"),
    *("storage/test_crash_machine", "storage/test_power_cuts", "system/test_kill"),
    *("cli/test_commands", "evidence/test_crash", "system/test_browsers"),
    *("web/ui/test_approvals", "cli/test_evidence", "storage/test_delete_crashes"),
    *("system/test_up", "cli/test_storage", "system/test_reload", "cli/test_backup"),
    *("storage/test_moving", "web/api/test_contract", "web/ui/test_people", "web/ui/test_steering"),
)
"""The files that take longest: begun first, so that none goes on alone when all others are done."""
_PLACES = {Path(__file__).parent / f"{name}.py": place for place, name in enumerate(_LONG)}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """`--no-loadscope-reorder` keeps this order where several processes run them."""
    items.sort(key=lambda item: _PLACES.get(item.path, len(_LONG)))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadFileScheduling:
    return _TownTogether(config, log)


_TOLD = frozenset({"fuzz", "rights", "contract", "injection", "networks", "canaries"})
"""What tests count, for a line each at the end."""


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Reports carry their properties over to here from the processes of pytest-xdist too."""
    told = list(_properties(terminalreporter))
    lines = [summary(told), _quirks([str(value) for name, value in told if name == "quirk"])]
    lines += [f"{name}: {value}" for name, value in told if name in _TOLD]
    for line in lines:
        if line is not None:
            terminalreporter.write_line(line)


def _quirks(found: list[str]) -> str | None:
    if not found:
        return None
    recorded, described = found.count("recorded"), found.count("described")
    stated = sum(one.startswith("stated:") for one in found)
    wrong = len(found) - recorded - described - stated
    counts = f"{recorded} recorded, {described} described over ONVIF, {stated} stated"
    return f"quirks: {len(found)} scenarios, {counts}, {wrong} wrong"


def _properties(reporter: pytest.TerminalReporter) -> Iterator[tuple[str, object]]:
    for outcome in ("passed", "failed"):
        for report in reporter.getreports(outcome):
            if report.when == "call":
                yield from report.user_properties
