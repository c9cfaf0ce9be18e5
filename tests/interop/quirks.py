"""What real cameras get wrong, as one table: each quirk a script of a camera and what we owe it.

`recorded`: every picture comes out byte for byte as sent. `described`: the device tells over ONVIF
all that is needed to add it. `stated:<cause>`: it ends with that cause and a sentence. The matrix
is not complete; what is missing is in docs/cameras.md.
"""

from __future__ import annotations

from tests.interop.quirks_conversation import CONVERSATION
from tests.interop.quirks_media import MEDIA
from tests.interop.quirks_onvif import QUIRKS as DEVICES
from tests.interop.quirks_udp import QUIRKS as OVER_UDP

QUIRKS = (*CONVERSATION, *MEDIA)


def as_table() -> str:
    """The matrix as the docs show it."""
    rows = [
        f"| {q.line} | {q.name} | {q.seen} | {q.expect} |" for q in (*QUIRKS, *OVER_UDP, *DEVICES)
    ]
    return "\n".join(
        ["| where | behaviour | seen on | what we do |", "| --- | --- | --- | --- |", *rows]
    )
