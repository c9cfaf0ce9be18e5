"""Only one recorder works on a site: a second would take the first one's open files for wreckage.

The supervisor holds the site's claim and each worker a share of it, so that it is free only when
the last of them is gone: a supervisor started again after kill -9 waits for the workers of the
dead one to put their files away.
"""

from __future__ import annotations

import contextlib
import fcntl
import time
from collections.abc import Callable, Iterator

from vms.core.config import Settings
from vms.core.errors import ConfigError
from vms.core.log import get_logger

log = get_logger(__name__)

PATIENCE = 12.0  # seconds; a worker whose supervisor died ends within 6, or its disk is stuck
_LOOK_AGAIN = 0.05


@contextlib.contextmanager
def sole_recorder(
    settings: Settings, patience: float = PATIENCE, sleep: Callable[[float], None] = time.sleep
) -> Iterator[None]:
    """Claim the site; waits `patience` for those who leave. Raises ConfigError. Blocks."""
    with (settings.run_dir / "recorder.lock").open("a") as lock:
        for attempt in range(max(1, round(patience / _LOOK_AGAIN))):
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if attempt == round(1 / _LOOK_AGAIN):
                    log.warning("another recorder works here; waiting for it to end")
                sleep(_LOOK_AGAIN)
        else:
            raise ConfigError(
                f"a recorder already runs on {settings.system.data}",
                remedy="stop it first, or give this one its own [system] data and volumes",
            )
        # From here on the workers share it; nobody else can have all of it.
        fcntl.flock(lock, fcntl.LOCK_SH)
        yield


@contextlib.contextmanager
def share_of_recorder(settings: Settings) -> Iterator[None]:
    """A worker's share of its supervisor's claim."""
    with (settings.run_dir / "recorder.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        yield
