"""Every row of the security page has a test that exists, or a reason."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PAGE = (ROOT / "docs" / "security.md").read_text()
ROWS = re.findall(r"^\| V(\d+\.\d+\.\d+) \| (.+?) \| (.+?) \|$", PAGE, re.MULTILINE)


def test_every_named_test_exists() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", PAGE)
    assert len(named) > 30
    for file, test in named:
        path = ROOT / file
        assert path.is_file(), file
        if test:
            assert f"def {test}(" in path.read_text(), f"{file} has no {test}"


def test_every_row_has_a_test_or_a_reason() -> None:
    assert len(ROWS) > 60
    assert len(ROWS) == len(re.findall(r"^\| V", PAGE, re.MULTILINE))
    for number, _, proof in ROWS:
        assert proof.startswith(("`tests/", "reason: ")), number
        assert len(proof) > 20, number
    numbers = [tuple(map(int, number.split("."))) for number, *_ in ROWS]
    assert numbers == sorted(set(numbers))
