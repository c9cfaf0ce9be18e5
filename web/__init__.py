"""Shows the past and the present: FastAPI, and no state worth losing.

The past comes through `storage`, the present through `vms.core`; the recorder is never imported.
"""
