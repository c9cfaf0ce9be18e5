"""The fonts of pages and of marks on pictures (LICENSE.txt): the same on every machine."""

from __future__ import annotations

from pathlib import Path

REGULAR = Path(__file__).parent / "DejaVuSans.ttf"
BOLD = Path(__file__).parent / "DejaVuSans-Bold.ttf"
