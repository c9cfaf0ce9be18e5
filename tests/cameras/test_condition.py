"""Every cause has a sentence."""

from __future__ import annotations

from vms.cameras.condition import SENTENCES
from vms.core.model import Cause


def test_every_cause_has_its_sentence() -> None:
    assert set(SENTENCES) == set(Cause)
