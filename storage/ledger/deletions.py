"""Which deletions of the ledger stand. A `delete` leaf is final but for one case: it was written,
a hold came before it was carried out, and a later `segment` leaf of the very same file takes it
back. Whoever asks must still find that file: its leaf says that it is kept.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from storage.ledger.leaves import BadLeaf, DeleteLeaf, SegmentLeaf, parse
from vms.core.model import StreamKey

# Within strings JSON escapes quotes, so these can't stand there.
_DELETE, _SEGMENT = b'"kind":"delete"', b'"kind":"segment"'
_TAIL = re.compile(rb'"start":(-?\d+),"stream":"([a-z0-9/-]+)"\}\Z')

Key = tuple[StreamKey, int]


def deletions_in(
    lines: Iterable[tuple[int, bytes]], wanted: Callable[[Key], bool] = lambda key: True
) -> dict[Key, DeleteLeaf]:
    """Of each wanted segment the last deletion that stands. Lines that are no leaf say nothing."""
    found: dict[Key, list[DeleteLeaf]] = {}
    told: set[tuple[bytes, int]] = set()  # the same as it stands in lines: few of them are parsed
    for _, line in lines:
        if _DELETE in line:
            gone = _parsed(line)
            if isinstance(gone, DeleteLeaf) and wanted((gone.stream, gone.start)):
                found.setdefault((gone.stream, gone.start), []).append(gone)
                told.add((str(gone.stream).encode(), gone.start))
        elif told and _SEGMENT in line and _subject(line) in told:
            kept = _parsed(line)
            if isinstance(kept, SegmentLeaf):
                key = (kept.stream, kept.start)
                found[key] = [one for one in found[key] if not one.taken_back_by(kept)]
    return {key: some[-1] for key, some in found.items() if some}


def _subject(line: bytes) -> tuple[bytes, int] | None:
    tail = _TAIL.search(line)
    return None if tail is None else (tail[2], int(tail[1]))


def _parsed(line: bytes) -> object:
    try:
        return parse(line)
    except BadLeaf:
        return None
