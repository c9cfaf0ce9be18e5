"""The retention rules in the database: read by the custodian, changed by the file and by people.

A repository: what the rules mean for footage is `storage.retention`, who may change them and what
is refused is `storage.keeping`. Calls block for a database access.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from storage.database import writing
from storage.rule_changes import Origin, RuleChange, StoredRule, rule_difference
from storage.schema import retention_rule
from vms.core.config_storage import RetentionRule
from vms.core.errors import AlreadyExists, NotFound


class Rules:
    """Reads and changes the rules."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def list(self) -> tuple[StoredRule, ...]:
        """All rules as they are matched: the file's first, the last that fits wins."""
        with self._engine.connect() as connection:
            return _rows(connection)

    def apply(self, declared: Sequence[RetentionRule]) -> tuple[RuleChange, ...]:
        """Bring the rules to what the file declares, in one transaction."""
        with writing(self._engine) as connection:
            changes = rule_difference(_rows(connection), declared)
            positions = {rule.name: number for number, rule in enumerate(declared)}
            wanted = {rule.name: rule for rule in declared}
            for change in changes:
                connection.execute(
                    sa.delete(retention_rule).where(retention_rule.c.name == change.rule)
                )
                if change.kind != "removed":
                    _insert(connection, wanted[change.rule], "file", positions[change.rule])
            for name, position in positions.items():
                connection.execute(
                    sa.update(retention_rule)
                    .where(retention_rule.c.name == name, retention_rule.c.position != position)
                    .values(position=position)
                )
        return changes

    def check_people(self, name: str, *, known: bool = False) -> None:
        """Raise AlreadyExists for a rule of the file; NotFound if it must be `known` and is not."""
        stored = next((one for one in self.list() if one.rule.name == name), None)
        if stored is None and known:
            raise NotFound(f"there is no retention rule {name!r}")
        if stored is not None:
            _refuse_file(stored)

    def put(self, rule: RetentionRule) -> None:
        """Add a person's rule, or change it in its place. Raises AlreadyExists for the file's."""
        with writing(self._engine) as connection:
            rows = _rows(connection)
            before = next((one for one in rows if one.rule.name == rule.name), None)
            if before is not None:
                _refuse_file(before)
                connection.execute(
                    sa.update(retention_rule)
                    .where(retention_rule.c.name == rule.name)
                    .values(settings=rule.model_dump_json())
                )
                return
            last = connection.scalar(
                sa.select(sa.func.max(retention_rule.c.position)).where(
                    retention_rule.c.origin == "database"
                )
            )
            _insert(connection, rule, "database", 0 if last is None else last + 1)

    def delete(self, name: str) -> None:
        """Take a person's rule away. Raises NotFound, AlreadyExists for one of the file."""
        with writing(self._engine) as connection:
            before = next((one for one in _rows(connection) if one.rule.name == name), None)
            if before is None:
                raise NotFound(f"there is no retention rule {name!r}")
            _refuse_file(before)
            connection.execute(sa.delete(retention_rule).where(retention_rule.c.name == name))


def _refuse_file(stored: StoredRule) -> None:
    if stored.origin == "file":
        raise AlreadyExists(
            f"the retention rule {stored.rule.name!r} is declared in cameras.toml; change it there"
        )


def _rows(connection: sa.Connection) -> tuple[StoredRule, ...]:
    origin_first = sa.case((retention_rule.c.origin == "file", 0), else_=1)
    query = sa.select(retention_rule).order_by(
        origin_first, retention_rule.c.position, retention_rule.c.name
    )
    return tuple(
        StoredRule(RetentionRule.model_validate_json(row.settings), row.origin)
        for row in connection.execute(query)
    )


def _insert(connection: sa.Connection, rule: RetentionRule, origin: Origin, position: int) -> None:
    connection.execute(
        sa.insert(retention_rule).values(
            name=rule.name, origin=origin, position=position, settings=rule.model_dump_json()
        )
    )
