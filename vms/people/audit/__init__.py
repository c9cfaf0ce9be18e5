"""Who did and saw what: entries of the audit, how they are told, kept, found and checked.

`entry` and `viewing` are pure; `trail` is the port others tell through; `book` keeps, `records`
finds, `check` holds the rows against the ledger. docs/audit.md says it for people.
"""
