"""A head that was kept elsewhere, against the ledger of today: has anything been rewritten?"""

from __future__ import annotations

import sys
from pathlib import Path

from storage.ledger.checkpoints import checkpoint_of
from storage.ledger.log import Ledger
from storage.ledger.note import BadNote, Checkpoint, open_note
from vms.core.clock import rfc3339
from vms.core.errors import BadRequest, StorageError


def read_kept(source: str) -> str:
    """A kept head: the text itself, a file's, or standard input's (`-`). Raises BadRequest."""
    if "\n" in source:
        text = source
    elif source == "-":
        text = sys.stdin.read()
    else:
        try:
            text = Path(source).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise BadRequest(f"the kept head {source} can't be read: {error}") from None
    text = text.replace("\r\n", "\n").strip("\n") + "\n"
    try:
        checkpoint_of(text)
    except BadNote as error:
        raise BadRequest(
            f"{source[:100]!r} holds no head as `vms ledger checkpoint` prints it: {error}"
        ) from None
    return text


def check_kept(ledger: Ledger, note: str) -> str | None:
    """None if the ledger only grew since the head was signed, else a sentence."""
    try:
        text, _ = open_note(note, ledger.keys.verifiers())
    except BadNote as error:
        return f"The kept head is not one of this ledger's: {error}."
    return check_head(ledger, Checkpoint.parse(text))


def check_head(ledger: Ledger, head: Checkpoint) -> str | None:
    """None if the first leaves of the ledger are those of a head, else a sentence."""
    when = "" if head.at is None else f" of {rfc3339(head.at)}"
    size = ledger.size()
    if size < head.size:
        return (
            f"The ledger was cut: the kept head{when} signs {head.size} leaves, "
            f"and today there are {size}."
        )
    try:
        root = ledger.fresh_root(head.size)
    except StorageError as error:
        return f"The ledger can't be read up to the kept head{when}: {error}."
    if root != head.root:
        return (
            f"The ledger was rewritten: its first {head.size} leaves are not those that the kept "
            f"head{when} signs. `vms verify` names what differs from checkpoints and replicas."
        )
    return None
