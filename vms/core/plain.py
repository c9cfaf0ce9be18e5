"""What strangers write, made fit for a line of a screen, a log and a database."""

from __future__ import annotations


def plain(text: str, limit: int = 400) -> str:
    """One printable line of at most `limit` characters.

    Signs that a terminal would obey, line breaks and zero bytes become spaces.
    """
    line = "".join(sign if sign.isprintable() else " " for sign in text[: 2 * limit])
    line = " ".join(line.split())
    return line if len(line) <= limit else f"{line[: limit - 1]}…"
