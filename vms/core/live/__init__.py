"""The live fan-out: from the recorder's workers to whoever shows pictures now.

`messages` says what is handed on, `wire` how it crosses a Unix socket (pure), `hub` fans out
inside a worker, `server` stands in the worker, `client` in the live process. Nothing here
ever makes the recorder wait: each buffer is bounded and drops to the next keyframe.
"""

from vms.core.live.client import LiveClient, Subscription
from vms.core.live.hub import GopCache, LiveHub
from vms.core.live.messages import FormatChanged, LiveMessage, LiveUnit, StreamDown
from vms.core.live.server import LiveServer

__all__ = [
    "FormatChanged",
    "GopCache",
    "LiveClient",
    "LiveHub",
    "LiveMessage",
    "LiveServer",
    "LiveUnit",
    "StreamDown",
    "Subscription",
]
