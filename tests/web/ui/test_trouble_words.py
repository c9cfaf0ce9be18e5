"""The console says of a camera that can't be asked what is said of it everywhere else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from vms.cameras.onvif.port import Trouble
from vms.cameras.onvif.sentences import SENTENCES

WORDS = Path(__file__).parents[3] / "web" / "ui" / "src" / "lib" / "i18n"
_KEY = re.compile(r"'ptz\.trouble\.(\w+)':\s*'([^']*)'")


@pytest.mark.parametrize("language", ["en", "tr"])
def test_the_console_has_each_sentence_of_the_server(language: str) -> None:
    text = (WORDS / f"ptz.{language}.ts").read_text(encoding="utf-8")
    shown = dict(_KEY.findall(text))
    told = {str(one): getattr(words, language) for one, words in SENTENCES.items()}
    assert shown == {trouble: words.replace("'", "’") for trouble, words in told.items()}
    assert set(shown) == {str(one) for one in Trouble}


def test_each_sentence_says_what_to_do() -> None:
    for trouble, words in SENTENCES.items():
        for sentence in (words.en, words.tr):
            assert re.search(r"[:.;] \w", sentence), (trouble, sentence)
