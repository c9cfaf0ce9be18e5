"""What is noted of a stream on its camera's page: true, harmless to the recording, worth knowing.

The recorder writes a note as an English sentence into its status; who shows it in another language
reads it back as a code and what it is about. Pure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Code = Literal["sound_not_recorded", "sound_not_set_up", "pre_roll_cut"]

_SENTENCES: dict[Code, str] = {
    "sound_not_recorded": "Its sound ({about}) can't be recorded; only AAC and G.711 can.",
    "sound_not_set_up": "Its sound could not be set up: {about}",
    "pre_roll_cut": "The memory for pre-rolls is full: less than promised is held of this camera.",
}


@dataclass(frozen=True, slots=True)
class Note:
    """A known note. `about`: codecs, or what a camera said; empty where there is nothing."""

    code: Code
    about: str = ""

    def __str__(self) -> str:
        return _SENTENCES[self.code].replace("{about}", self.about)


def note_of(text: str) -> Note | None:
    """The note whose sentence `text` is; None for one that is not known here."""
    for code, sentence in _SENTENCES.items():
        before, found, after = sentence.partition("{about}")
        match = re.fullmatch(rf"{re.escape(before)}(.*){re.escape(after)}", text, re.DOTALL)
        if match is not None and (found or not match[1]):
            return Note(code, match[1])
    return None
