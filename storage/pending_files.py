"""Files that should be gone already: their volume was away when they were to go, or refused.

Of each the ledger has the deletion, and no row is left; one that has a row again (recorded anew, or
held) is let be. They are remembered over restarts, the first 10,000 of them: what is left beyond,
a check finds. A volume that refuses keeps no other from being asked.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable
from typing import Protocol

from storage.custody import Memory
from storage.listing import segment_id
from vms.core.clock import Instant
from vms.core.errors import StorageError
from vms.core.log import get_logger
from vms.core.model import StreamKey

log = get_logger(__name__)

_KEY = "deleting"
_MAX = 10_000

File = tuple[StreamKey, Instant]
"""By its segment's stream and start."""


class Files(Protocol):
    """Those of one volume. Both may raise OSError or StorageError."""

    def has(self, stream: StreamKey, start: Instant) -> bool: ...
    def remove(self, stream: StreamKey, start: Instant) -> None: ...


class PendingFiles:
    """See above. `volumes`: those that are there now; `all_there`: none is away any more. Calls
    block for a database access."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def add(self, files: Iterable[File]) -> None:
        """These are still there, or may be."""
        self._remember([*self._known(), *files])

    def remove(self, files: Iterable[File], volumes: Collection[Files], *, all_there: bool) -> int:
        """Remove files wherever they lie; how many there were. The rest is pending."""
        left, count = _removed(files, volumes, all_there=all_there)
        if left:
            self.add(left)
        return count

    def retry(
        self,
        volumes: Collection[Files],
        has_row: Callable[[StreamKey, Instant], bool],
        *,
        all_there: bool,
    ) -> int:
        """Remove what can be removed by now; how many."""
        known = self._known()
        rest = [file for file in known if not has_row(*file)]
        left, count = _removed(rest, volumes, all_there=all_there)
        if left != known:
            self._remember(left)
        return count

    def _known(self) -> list[File]:
        text = self._memory.get(_KEY)
        known = json.loads(text) if text else []
        return [(StreamKey.parse(stream), Instant(start)) for stream, start in known]

    def _remember(self, files: Iterable[File]) -> None:
        some = sorted({(str(stream), start) for stream, start in files})[:_MAX]
        self._memory.put(_KEY, json.dumps(some))


def _removed(
    files: Iterable[File], volumes: Collection[Files], *, all_there: bool
) -> tuple[list[File], int]:
    """Those that may still be there, and how many went."""
    left, count = [], 0
    for stream, start in files:
        refused = False
        for volume in volumes:
            try:
                if volume.has(stream, start):
                    volume.remove(stream, start)
                    count += 1
            except (OSError, StorageError) as error:
                refused = True
                name = segment_id(stream, start)
                log.error("a deleted segment's file stays for now", segment=name, error=str(error))
        if refused or not all_there:
            left.append((stream, start))
    return left, count
