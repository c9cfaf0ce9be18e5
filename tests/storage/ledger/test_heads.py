"""The ledger's heads: what is wrong with many of them is told in few words."""

from __future__ import annotations

from pathlib import Path

from storage.ledger.heads import heads_of
from tests.storage.ledger.test_log import leaves, open_ledger


def test_checkpoints_without_their_keys_are_told_together(tmp_path: Path) -> None:
    """A site has one each minute: a year of them is half a million sentences."""
    ledger = open_ledger(tmp_path)
    for number in range(3):
        ledger.append(leaves(number))
        ledger.checkpoint()
    (tmp_path / "keys").rename(tmp_path / "lost")
    again = open_ledger(tmp_path)
    again.append(leaves(3))
    again.checkpoint()
    heads, found = heads_of(again, None)
    assert [head.size for head in heads] == [6]
    assert len(found) == 1
    assert found[0].detail.startswith("checkpoints 1 to 3 are not signed as they should be: no ")
