"""The archive held against the ledger."""
