"""What is noted of a stream: the recorder's sentence, read back by who shows it."""

from __future__ import annotations

from typing import get_args

import pytest

from vms.core.notes import Code, Note, note_of


@pytest.mark.parametrize("code", get_args(Code))
def test_a_sentence_reads_back_as_the_note_it_was_made_of(code: Code) -> None:
    about = "" if code == "pre_roll_cut" else "OPUS, {about} (x)\ny"
    note = Note(code, about)
    assert note_of(str(note)) == note


def test_what_is_no_known_sentence_is_no_note() -> None:
    assert note_of("") is None
    assert note_of("The memory for pre-rolls is full: less than promised is held of it.") is None
