"""On which line of a TOML file a key stands, so that an error can point at it.

`tomllib` reads the values but forgets their places. This walks the text once more, knowing just
enough of TOML 1.0 to follow table headers, keys, inline tables and multi-line values. It is
only ever used on text that `tomllib` has accepted.
"""

from __future__ import annotations

import re

Path = tuple[str | int, ...]

_KEY = r"""(?:[A-Za-z0-9_-]+|"(?:[^"\\]|\\.)*"|'[^']*')"""
_DOTTED = rf"{_KEY}(?:\s*\.\s*{_KEY})*"
_HEADER = re.compile(rf"\s*(\[\[?)\s*({_DOTTED})\s*\]\]?")
_ASSIGNMENT = re.compile(rf"\s*({_DOTTED})\s*=")
_INLINE_KEY = re.compile(rf"[{{,]\s*({_DOTTED})\s*=")
_STRING = re.compile(r'"""|\'\'\'|"(?:[^"\\]|\\.)*"|\'[^\']*\'')


def key_lines(text: str) -> dict[Path, int]:
    """Every key's path, with array tables numbered (`("cameras", 2, "source")`) → line from 1."""
    lines: dict[Path, int] = {}
    arrays: dict[Path, int] = {}
    table: Path = ()
    walker = _ValueEnd()
    for number, line in enumerate(text.splitlines(), start=1):
        if walker.inside:
            walker.feed(line)
            continue
        if header := _HEADER.match(line):
            name = _split(header[2])
            table = _numbered(name, arrays, new_entry=header[1] == "[[")
            lines.setdefault(table, number)
        elif assignment := _ASSIGNMENT.match(line):
            path = (*table, *_split(assignment[1]))
            for end in range(len(table) + 1, len(path) + 1):
                lines.setdefault(path[:end], number)
            rest = line[assignment.end() :]
            for inline in _INLINE_KEY.finditer(_STRING.sub('""', rest)):
                lines.setdefault((*path, *_split(inline[1])), number)
            walker.feed(rest)
    return lines


def line_of(lines: dict[Path, int], path: Path) -> int | None:
    """The line of `path`, or of the nearest thing around it that has one."""
    for end in range(len(path), 0, -1):
        for near in (path[:end], (*path[:end], 0)):  # a table written as an array of tables
            if near in lines:
                return lines[near]
    return None


def _split(dotted: str) -> tuple[str, ...]:
    return tuple(part.strip("\"'") for part in re.findall(_KEY, dotted))


def _numbered(name: tuple[str, ...], arrays: dict[Path, int], *, new_entry: bool) -> Path:
    """The header's path with the running number put in after each array-of-tables name."""
    path: Path = ()
    for depth, part in enumerate(name):
        path = (*path, part)
        last = depth == len(name) - 1
        if last and new_entry:
            arrays[path] = arrays.get(path, -1) + 1
        if path in arrays:
            path = (*path, arrays[path])
    return path


class _ValueEnd:
    """Whether a value goes on over the next line: open brackets or a multi-line string."""

    def __init__(self) -> None:
        self._brackets = 0
        self._quote = ""

    @property
    def inside(self) -> bool:
        return bool(self._brackets or self._quote)

    def feed(self, text: str) -> None:
        position = 0
        while position < len(text):
            if self._quote:
                end = text.find(self._quote, position)
                if end < 0:
                    return
                position, self._quote = end + 3, ""
            elif match := _STRING.match(text, position):
                self._quote = match[0] if len(match[0]) == 3 and match[0][0] * 3 == match[0] else ""
                position = match.end()
            elif text[position] == "#":
                return
            else:
                self._brackets += (text[position] in "[{") - (text[position] in "]}")
                position += 1
