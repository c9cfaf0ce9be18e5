"""The ledger: an append-only record, as a Merkle tree, of every segment kept, moved or deleted.

docs/ledger.md is the format and what it proves. `Ledger` is the way in.
"""

from storage.ledger.log import Ledger

__all__ = ["Ledger"]
