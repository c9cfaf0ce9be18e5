"""Ids of streams, volumes and formats: asked for once, and forgotten where they may not exist."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from storage.database import migrate, open_database, writing
from storage.ids import Ids
from vms.core.model import CameraId, StreamKey

GATE, YARD = StreamKey(CameraId("gate")), StreamKey(CameraId("yard"))


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[sa.Engine]:
    found = open_database(f"sqlite:///{tmp_path}/gozcu.db")
    migrate(found)
    yield found
    found.dispose()


def test_a_stream_has_one_id_whoever_asks(engine: sa.Engine) -> None:
    first, second = Ids(), Ids()
    assert first.known_stream(engine, GATE) is None
    with writing(engine) as connection:
        gate, yard = first.stream(connection, GATE), first.stream(connection, YARD)
        assert first.stream(connection, GATE) == gate != yard
    assert second.known_stream(engine, GATE) == gate
    with writing(engine) as connection:
        assert second.stream(connection, YARD) == yard


def test_an_id_of_a_transaction_that_was_rolled_back_is_made_anew(engine: sa.Engine) -> None:
    ids = Ids()
    with pytest.raises(ValueError, match="given up"), writing(engine) as connection:
        lost = ids.stream(connection, GATE)
        raise ValueError("given up")
    ids.forget()
    with writing(engine) as connection:
        assert ids.stream(connection, YARD) == lost, "the database gives it to another"
        assert ids.stream(connection, GATE) != lost
