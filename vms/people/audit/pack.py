"""An incident pack: all access to given cameras and footage, with proofs, for who must report it.

Within 72 hours of a breach an institution says who had access to what (KVKK art. 12, GDPR art. 33).
The pack is one ZIP: entries as CSV and JSON, for each batch the way from its entries to a signed
checkpoint of the ledger, and how to check it. Of entries that are not asked for only hashes go out.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from storage.ledger.log import Ledger
from storage.ledger.merkle import leaf_hash
from storage.ledger.note import Checkpoint, open_note
from vms.core.clock import Instant, rfc3339
from vms.core.errors import StorageError
from vms.core.model import Cause
from vms.people.audit.pack_words import README_EN, README_TR
from vms.people.audit.records import Kept, Query, Records
from vms.people.audit.sheet import rows

CREATED = (1980, 1, 1, 0, 0, 0)  # a ZIP's times have no zone: none is told


def write_pack(
    file: Path,
    records: Records,
    ledger: Ledger,
    query: Query,
    now: Instant,
) -> int:
    """Write the pack to `file`, whole or not at all; how many entries. Raises StorageError."""
    note = ledger.checkpoint()  # signs whatever was appended, so that all of it is proven
    found = list(records.all(replace(query, whole=False)))[::-1]
    proofs = list(_proofs(found, records, ledger, note))
    keys = [str(key) for key in ledger.keys.verifiers()]
    parts = {
        "audit.csv": "".join(rows((one.id, one.entry) for one in found)),
        "audit.json": _json(_entries(found, query, now)),
        "proofs.json": _json(proofs),
        "checkpoint.txt": note,
        "keys.txt": "".join(f"{key}\n" for key in keys),
        "OKUBENI.txt": README_TR,
        "README.txt": README_EN,
    }
    waiting = file.with_name(f"{file.name}.part")
    try:
        with zipfile.ZipFile(waiting, "w", zipfile.ZIP_DEFLATED) as pack:
            for name, text in parts.items():
                pack.writestr(zipfile.ZipInfo(name, CREATED), text, zipfile.ZIP_DEFLATED)
        waiting.replace(file)
    except OSError as error:
        waiting.unlink(missing_ok=True)
        detail = f"the pack {file} can't be written: {error.strerror or error}"
        raise StorageError(Cause.DISK_FAILED, detail) from error
    return len(found)


def _entries(found: Iterable[Kept], query: Query, now: Instant) -> dict[str, object]:
    """What was asked for, and every entry with its place in its batch and the line it is."""
    return {
        "made": rfc3339(now),
        "cameras": list(query.cameras),
        "from": None if query.start is None else rfc3339(query.start),
        "to": None if query.end is None else rfc3339(query.end),
        "entries": [
            {
                **one.as_json(),
                "batch": one.batch,
                "position": one.position,
                "line": one.entry.line().decode(),
            }
            for one in found
        ],
    }


def _proofs(
    found: Iterable[Kept], records: Records, ledger: Ledger, note: str
) -> Iterator[dict[str, object]]:
    """For each batch: the hashes of all its lines, its leaf, and the leaf's way to the head."""
    text, _ = open_note(note, ledger.keys.verifiers())
    size = Checkpoint.parse(text).size
    for batch in dict.fromkeys(one.batch for one in found):
        place = records.place(batch)
        if place is None or place >= size:
            continue  # its row was taken away: unproven then, and `vms verify` says so
        yield {
            "batch": batch,
            "hashes": [leaf_hash(line).hex() for line in records.lines(batch)],
            "place": place,
            "leaf": ledger.read(place).decode(),
            "size": size,
            "inclusion": _hex(ledger.inclusion(place, size)),
        }


def _hex(hashes: Sequence[bytes]) -> list[str]:
    return [one.hex() for one in hashes]


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1) + "\n"
