"""Who may look: accounts, their passwords, sign-ins and rights.

Rights are decided in `permissions` (pure); `accounts` and `sessions` are the repositories.
Routes and cookies do not belong here: they stand in `web`.
"""
