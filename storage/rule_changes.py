"""What must change so that the database's retention rules are what cameras.toml says. Pure.

The same idea as for cameras (`vms.cameras.provisioning`): the file's rules are replaced, those
that people added stay, unless the file now declares the same name.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import tomli_w

from vms.core.clock import span_text
from vms.core.config_storage import RetentionRule
from vms.core.config_values import size_text

Origin = Literal["file", "database"]
_SPANS = ("keep", "minimum")
_SIZES = ("quota", "quota_all")


@dataclass(frozen=True, slots=True)
class StoredRule:
    """A rule and where it was declared."""

    rule: RetentionRule
    origin: Origin


@dataclass(frozen=True, slots=True)
class RuleChange:
    """One rule that changes. `fields`: (name, before, after) as texts."""

    kind: Literal["added", "changed", "removed", "taken over"]
    rule: str
    fields: tuple[tuple[str, str, str], ...] = ()

    def __str__(self) -> str:
        sign = {"added": "+", "changed": "~", "removed": "-", "taken over": "~"}[self.kind]
        lines = [f"{sign} retention rule {self.rule}: {self.kind}"]
        lines += [f"    {name}: {before} → {after}" for name, before, after in self.fields]
        return "\n".join(lines)


def rule_difference(
    stored: Sequence[StoredRule], declared: Sequence[RetentionRule]
) -> tuple[RuleChange, ...]:
    """The changes that bring `stored` to what the file declares."""
    before = {one.rule.name: one for one in stored}
    wanted = {rule.name for rule in declared}
    changes: list[RuleChange] = []
    for rule in declared:
        old = before.get(rule.name)
        if old is None:
            changes.append(RuleChange("added", rule.name))
        elif old.origin == "database":
            changes.append(RuleChange("taken over", rule.name, _fields(old.rule, rule)))
        elif old.rule != rule:
            changes.append(RuleChange("changed", rule.name, _fields(old.rule, rule)))
    changes += [
        RuleChange("removed", one.rule.name)
        for one in stored
        if one.origin == "file" and one.rule.name not in wanted
    ]
    return tuple(changes)


def in_order(stored: Iterable[StoredRule]) -> tuple[RetentionRule, ...]:
    """The rules as they are matched: the file's first, then the database's; the last wins."""
    return tuple(one.rule for one in sorted(stored, key=lambda one: one.origin == "database"))


def with_declared(
    stored: Iterable[StoredRule], declared: Sequence[RetentionRule]
) -> tuple[RetentionRule, ...]:
    """What would hold once the file's rules are `declared`."""
    names = {rule.name for rule in declared}
    people = [one.rule for one in stored if one.origin == "database" and one.rule.name not in names]
    return (*declared, *people)


def dump_rules(stored: Iterable[StoredRule]) -> str:
    """`[[retention]]` tables, to be read back by cameras.toml."""
    return "\n".join(
        f"# declared in {'cameras.toml' if one.origin == 'file' else 'the console'}\n"
        "[[retention]]\n" + tomli_w.dumps(_table(one.rule))
        for one in stored
    )


def _table(rule: RetentionRule) -> dict[str, str | list[str]]:
    values: dict[str, str | list[str]] = {"name": rule.name}
    values |= {name: span_text(getattr(rule, name)) for name in _SPANS if getattr(rule, name)}
    values |= {name: size_text(getattr(rule, name)) for name in _SIZES if getattr(rule, name)}
    values["cameras"] = list(rule.cameras)
    if rule.reason:
        values["reason"] = rule.reason
    return values


def _fields(before: RetentionRule, after: RetentionRule) -> tuple[tuple[str, str, str], ...]:
    return tuple(
        (name, _shown(name, getattr(before, name)), _shown(name, getattr(after, name)))
        for name in RetentionRule.model_fields
        if getattr(before, name) != getattr(after, name)
    )


def _shown(name: str, value: object) -> str:
    if isinstance(value, int):
        return span_text(value) if name in _SPANS else size_text(value)
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "none"
    return "none" if value is None else str(value)
