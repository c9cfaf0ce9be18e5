"""One recorder at a time, and a new one only when the last worker of the old one is gone."""

import contextlib
from pathlib import Path

import pytest

from recorder.claim import share_of_recorder, sole_recorder
from vms.core.config import Settings, SystemSettings
from vms.core.errors import ConfigError


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    found = Settings(file=tmp_path / "cameras.toml", system=SystemSettings(data=tmp_path))
    found.make_run_dirs()
    return found


def test_a_second_recorder_is_refused(settings: Settings) -> None:
    with (
        sole_recorder(settings),
        share_of_recorder(settings),
        pytest.raises(ConfigError, match="already runs"),
        sole_recorder(settings, sleep=lambda _: None),
    ):
        pass


def test_a_new_recorder_waits_for_the_workers_of_a_dead_one(settings: Settings) -> None:
    left = contextlib.ExitStack()
    with sole_recorder(settings):
        left.enter_context(share_of_recorder(settings))
    looks: list[float] = []

    def sleep(seconds: float) -> None:
        looks.append(seconds)
        if len(looks) == 3:
            left.close()

    with sole_recorder(settings, sleep=sleep):
        assert len(looks) == 3


def test_workers_share_it(settings: Settings) -> None:
    with sole_recorder(settings), share_of_recorder(settings), share_of_recorder(settings):
        pass
    with sole_recorder(settings, sleep=lambda _: pytest.fail("nobody is left")):
        pass
