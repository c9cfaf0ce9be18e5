"""The terminal's table shows names as people wrote them."""

from __future__ import annotations

import io

from rich.console import Console

from vms.app.facts import CameraFacts
from vms.app.screen import cameras_table
from vms.core.model import State


def test_a_name_with_brackets_is_shown_as_it_is() -> None:
    nothing = dict.fromkeys(CameraFacts.__slots__)
    facts = CameraFacts(**(nothing | {"name": "[/b] Kapı [a3]", "state": State.RECORDING}))
    out = io.StringIO()
    Console(file=out, width=200).print(cameras_table([facts], "Europe/Istanbul"))
    assert "[/b] Kapı [a3]" in out.getvalue()
