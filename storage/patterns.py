"""Which camera a pattern means, and which retention rule holds for a camera. Pure.

A pattern is an id (`gate-north`), a glob (`gate-*`) or `group:NAME`. Of the rules that match, the
last one holds: those of the file come first, then those that people added.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Collection, Iterable, Mapping

from vms.core.config_storage import RetentionRule

GROUP = "group:"

Groups = Mapping[str, Collection[str]]
"""Camera id → the groups it is in. A camera that was taken out of the settings is in none."""


def means(pattern: str, camera: str, groups: Collection[str]) -> bool:
    """Whether `pattern` means a camera that is in `groups`."""
    if pattern.startswith(GROUP):
        return pattern.removeprefix(GROUP) in groups
    return fnmatch.fnmatchcase(camera, pattern)


def matches(patterns: Iterable[str], camera: str, groups: Groups) -> bool:
    """Whether any of `patterns` means the camera."""
    mine = groups.get(camera, ())
    return any(means(pattern, camera, mine) for pattern in patterns)


def rule_of(rules: Iterable[RetentionRule], camera: str, groups: Groups) -> RetentionRule | None:
    """The last of `rules` that means the camera; None: nothing of it goes but for a full disk."""
    found = None
    for rule in rules:
        if matches(rule.cameras, camera, groups):
            found = rule
    return found
