"""Every cause has a sentence."""

from __future__ import annotations

from vms.core.model import Cause
from web.api.state import SENTENCES


def test_every_cause_has_its_sentence() -> None:
    assert set(SENTENCES) == set(Cause)
