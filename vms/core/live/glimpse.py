"""One keyframe of a stream that a worker holds in memory, for who looks once a minute.

Blocks, for threads. Nothing is subscribed to: the worker answers with what it has and forgets us.
"""

from __future__ import annotations

import socket
from pathlib import Path
from typing import NamedTuple

from vms.core.clock import SECOND, Span, SystemClock
from vms.core.live.messages import FormatChanged, LiveUnit
from vms.core.live.wire import Decoder, Delivery, WireError, encode_glimpse
from vms.core.media import StreamFormat
from vms.core.model import StreamKey


class Glimpse(NamedTuple):
    """A keyframe and the format it is in."""

    format: StreamFormat
    keyframe: LiveUnit


def glimpse(path: Path, stream: StreamKey, deadline: Span) -> Glimpse | None:
    """What the worker at this socket holds of a stream; None where that is nothing: it is not
    connected, or in its privacy hours. Raises OSError, TimeoutError after `deadline`."""
    clock = SystemClock()
    end = clock.monotonic() + deadline
    decoder, form = Decoder(), None
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.settimeout(deadline / SECOND)
        sock.connect(str(path))
        sock.sendall(encode_glimpse(1, stream))
        while (left := end - clock.monotonic()) > 0:
            sock.settimeout(left / SECOND)
            data = sock.recv(1 << 18)
            if not data:
                raise ConnectionResetError(f"{path.name} ended the connection")
            try:
                frames = decoder.feed(data)
            except WireError as error:
                raise OSError(str(error)) from error
            for frame in frames:
                message = frame.message if isinstance(frame, Delivery) else None
                if isinstance(message, FormatChanged):
                    form = message.format
                elif isinstance(message, LiveUnit) and form is not None:
                    return Glimpse(form, message)
                else:
                    return None
    raise TimeoutError(f"{path.name} sent no keyframe within {deadline / SECOND:g} s")
