"""Blocks: the repository of what is hidden, from whom, and by whom."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, Engine, Row, func, insert, select, update

from storage.database import writing
from vms.core.clock import INSTANT_MAX, Clock, Instant, rfc3339
from vms.core.errors import BadRequest, NotFound, Refused
from vms.core.model import CameraId
from vms.core.plain import plain
from vms.people.accounts import fold_name
from vms.people.block import Block, Named
from vms.people.schema import account, camera_block

BLOCKS_MAX = 1_000
SEEN_BY_MAX = 50
REASON_MAX = 1_000


@dataclass(frozen=True, slots=True)
class BlockOrder:
    """Hide [start, end) of a camera but from the accounts named. `end` None: until it is lifted."""

    camera: CameraId
    start: Instant
    end: Instant | None
    reason: str
    seen_by: tuple[str, ...] = ()


class Blocks:
    """The table of blocks. Each method blocks."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine, self._clock = engine, clock

    def all(self) -> list[Block]:
        """Every block there ever was, the oldest first."""
        query = select(camera_block).order_by(camera_block.c.made, camera_block.c.id)
        with self._engine.connect() as connection:
            return [_block(row) for row in connection.execute(query)]

    def active(self) -> list[Block]:
        """What is hidden, the oldest first."""
        return [one for one in self.all() if one.active]

    def add(self, order: BlockOrder, by: str) -> Block:
        """Hide it from now on. Raises BadRequest or Refused."""
        _check(order)
        with writing(self._engine) as connection:
            hiding = select(func.count()).select_from(camera_block)
            count = connection.scalar(hiding.where(camera_block.c.lifted.is_(None))) or 0
            if count >= BLOCKS_MAX:
                raise Refused(f"{BLOCKS_MAX} spans are hidden already; lift one first")
            made = Block(
                *(secrets.token_hex(6), order.camera, order.start, order.end),
                *(plain(order.reason, REASON_MAX), _named(connection, order.seen_by)),
                *(self._clock.now(), by),
            )
            connection.execute(insert(camera_block).values(_values(made)))
        return made

    def lift(self, block: str, by: str, reason: str) -> Block:
        """Hide it no more. Raises NotFound, BadRequest."""
        if not plain(reason):
            raise BadRequest("say why it is hidden no more; it stays beside the block")
        now = self._clock.now()
        with writing(self._engine) as connection:
            query = select(camera_block).where(camera_block.c.id == block)
            row = connection.execute(query.where(camera_block.c.lifted.is_(None))).one_or_none()
            if row is None:
                raise NotFound(f"there is no block {block[:80]!r} that still hides")
            why = plain(reason, REASON_MAX)
            connection.execute(
                update(camera_block)
                .where(camera_block.c.id == block)
                .values(lifted=now, lifted_by=by, lift_reason=why)
            )
            return replace(_block(row), lifted=now, lifted_by=by, lift_reason=why)


def hidden_from(connection: Connection, account_id: int, name: str) -> tuple[Block, ...]:
    """What an account does not see."""
    rows = connection.execute(select(camera_block).where(camera_block.c.lifted.is_(None)))
    blocks = (_block(row) for row in rows)
    return tuple(one for one in blocks if one.hides_from(account_id, name))


def _check(order: BlockOrder) -> None:
    if not plain(order.reason):
        raise BadRequest("a block needs a reason: the order, the case, who asked for it")
    if len(order.seen_by) > SEEN_BY_MAX:
        raise BadRequest(f"at most {SEEN_BY_MAX} people can be named")
    for name, at in (("start", order.start), ("end", order.end or 0)):
        if not 0 <= at <= INSTANT_MAX:
            raise BadRequest(f"its {name} lies outside 1970 to 2262")
    if order.end is not None and order.end <= order.start:
        raise BadRequest(
            f"its end ({rfc3339(order.end)}) must lie after its start ({rfc3339(order.start)})"
        )


def _named(connection: Connection, names: Sequence[str]) -> tuple[Named, ...]:
    known = {
        row.name_key: Named(row.id, row.name)
        for row in connection.execute(select(account.c.id, account.c.name, account.c.name_key))
    }
    found: dict[str, Named] = {}
    for name in names:
        key = fold_name(name)
        if key not in known:
            raise BadRequest(f"there is no account {plain(name, 80)!r} that could see it")
        found[key] = known[key]
    return tuple(found.values())


def _values(one: Block) -> dict[str, Any]:
    return {
        "id": one.id,
        "camera": one.camera,
        "start": one.start,
        "end": one.end,
        "reason": one.reason,
        "seen_by": json.dumps([[named.account, named.name] for named in one.seen_by]),
        "made": one.made,
        "made_by": one.made_by,
    }


def _block(row: Row[Any]) -> Block:
    return Block(
        row.id,
        CameraId(row.camera),
        Instant(row.start),
        None if row.end is None else Instant(row.end),
        row.reason,
        tuple(Named(number, name) for number, name in json.loads(row.seen_by)),
        Instant(row.made),
        row.made_by,
        None if row.lifted is None else Instant(row.lifted),
        row.lifted_by,
        row.lift_reason,
    )
