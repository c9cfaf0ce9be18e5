"""Cameras as CSV: a spreadsheet's habits are read, and it is handed nothing to run. Pure.

A row is a camera with every setting but its password; a column that is not there leaves what is
registered as it is, an empty cell takes it away, except a password. Comma, semicolon and tab are
understood, with or without a byte order mark or a line that names the separator, and decimal commas
(Turkish Excel).
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from vms.cameras.entry import entered, patched
from vms.cameras.provisioning import RegisteredCamera
from vms.core.clock import span_text
from vms.core.config_camera import CameraSettings
from vms.core.errors import BadFields, ConfigError, Refused
from vms.core.findings import Finding

# Column → where its value stands in the settings: all of them, as a test holds.
COLUMNS: dict[str, tuple[str, ...]] = {
    **{name: (name,) for name in ("id", "name", "groups", "source", "sub", "onvif", "username")},
    **{name: (name,) for name in ("onvif_certificate", "onvif_source", "transport", "record")},
    **{name: (name,) for name in ("privacy", "pre_roll", "post_roll")},
    **{name: ("location", name) for name in ("lat", "lon", "heading", "fov")},
    **{name: ("inventory", name) for name in ("make", "model", "serial", "firmware", "mac")},
    **{name: ("inventory", name) for name in ("installed", "warranty_until", "notes")},
    "motion": ("motion",),
}
PASSWORD = ("password",)  # read, never written
_NUMBERS = ("lat", "lon", "heading", "fov")
_SPANS = ("pre_roll", "post_roll")
_NUMBER = re.compile(r"[+-]?\d+([.,]\d+)?")  # a comma between quotes is a decimal one, too
_SEPARATOR = re.compile(r"sep=([;,\t|])\r?\n?", re.IGNORECASE)  # the first line, for Excel alone
_RUNS = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet takes for a formula (OWASP)
_TURKISH = str.maketrans("İı", "ii")  # what a Turkish keyboard makes of an I and an i
_BETWEEN_GROUPS = "|"
_TOLD = 20  # mistakes said at once


def read_sheet(
    text: str, file: str, registered: Mapping[str, RegisteredCamera]
) -> list[CameraSettings]:
    """The cameras of a CSV. Raises Refused with every mistake: line, column, remedy."""
    rows = _rows(text.removeprefix("\ufeff"), file)
    columns = _header(next(rows, (1, [])), file)
    width = max(place for place, _ in columns.values()) + 1
    wanted: dict[str, CameraSettings] = {}
    mistakes: list[str] = []
    for line, cells in rows:
        try:
            camera = _camera(_trimmed(cells, width), columns, registered)
            if camera.id in wanted:
                raise ConfigError(f"{camera.id!r} stands in the file twice", remedy="remove a row")
        except BadFields as error:
            for one in error.findings:
                name = next((n for n, at in columns.items() if at[1] == one.path[: len(at[1])]), "")
                place = columns[name][0] + 1 if name else 1
                mistakes.append(_said(file, line, place, name, one.message, one.remedy))
        except ConfigError as error:
            mistakes.append(_said(file, line, 1, "id", error.message, error.remedy))
        else:
            wanted[camera.id] = camera
    if mistakes:
        more = len(mistakes) - _TOLD
        told = mistakes[:_TOLD] + ([f"… and {more} more"] if more > 0 else [])
        raise Refused("nothing was imported:\n" + "\n".join(told))
    return list(wanted.values())


def write_sheet(cameras: Iterable[CameraSettings], *, excel: bool = False) -> str:
    """The cameras as CSV (RFC 4180), without passwords. `excel`: as a Turkish Excel opens it.

    Raises Refused for a group's name that can't stand in a cell.
    """
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=";" if excel else ",", lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for camera in cameras:
        writer.writerow(_row(camera, comma=excel))
    return ("\ufeff" if excel else "") + out.getvalue()


def _rows(text: str, file: str) -> Iterator[tuple[int, list[str]]]:
    """Numbered rows that are not empty."""
    told = _SEPARATOR.match(text)
    body = text[told.end() :] if told is not None else text
    before = 1 if told is not None else 0
    head = next((line for line in body.splitlines() if line.strip()), "")
    delimiter = told[1] if told is not None else max(";,\t", key=head.count)
    reader = csv.reader(io.StringIO(body, newline=""), delimiter=delimiter, strict=True)
    begins = before + 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield begins, cells
            begins = before + reader.line_num + 1
    except csv.Error as error:
        remedy = "close the quotes, or save it again"
        raise Refused(_said(file, begins, 1, "", f"is not CSV: {error}", remedy)) from None


def _trimmed(cells: list[str], width: int) -> list[str]:
    """Without the empty cells behind the last column, which spreadsheets write."""
    while len(cells) > width and not cells[-1].strip():
        cells = cells[:-1]
    return cells


def _header(row: tuple[int, list[str]], file: str) -> dict[str, tuple[int, tuple[str, ...]]]:
    """Column name → its place from 0 and its path in the settings."""
    known = {**COLUMNS, "password": PASSWORD}
    found: dict[str, tuple[int, tuple[str, ...]]] = {}
    line, cells = row[0], _trimmed(row[1], 0)
    for place, cell in enumerate(cells):
        name = cell.strip().translate(_TURKISH).lower()
        if name not in known or name in found:
            what = "stands there twice" if name in found else "is no column known here"
            remedy = f"known here: {', '.join(known)}"
            raise Refused(_said(file, line, place + 1, cell[:40], what, remedy))
        found[name] = place, known[name]
    if "id" not in found:
        raise Refused(_said(file, line, 1, "id", "is missing", "give each camera its id"))
    return found


def _camera(
    cells: Sequence[str],
    columns: Mapping[str, tuple[int, tuple[str, ...]]],
    registered: Mapping[str, RegisteredCamera],
) -> CameraSettings:
    if len(cells) > len(columns):
        raise ConfigError("has more cells than columns", remedy="quote what holds the separator")
    values: dict[str, Any] = {}
    for name, (place, path) in columns.items():
        cell = _unguarded(cells[place] if place < len(cells) else "").strip()
        if name == "password" and not cell:
            continue  # kept
        value = _value(name, cell)
        into = values
        for part in path[:-1]:
            into = into.setdefault(part, {})
        into[path[-1]] = value
    before = registered.get(str(values.get("id")))
    place_on_map = values.get("location", {})
    if place_on_map and not any(v is not None for v in place_on_map.values()):
        values["location"] = None
    return (
        patched(before.settings, values) if before is not None else entered(_without_none(values))
    )


def _value(name: str, cell: str) -> Any:
    if not cell:
        return None
    if name == "groups":
        return [group.strip() for group in cell.split(_BETWEEN_GROUPS) if group.strip()]
    if name in _NUMBERS:
        return float(cell.replace(",", ".")) if _NUMBER.fullmatch(cell) else cell
    if name == "motion":
        return _zones(cell)
    return cell


def _zones(cell: str) -> Any:
    """Raises BadFields for what is no JSON: nobody is to lose zones to a mended cell."""
    try:
        return json.loads(cell)
    except (ValueError, RecursionError):
        remedy = "leave the cell as it was exported, or take the column out"
        raise BadFields([Finding(("motion",), "is not JSON", remedy)]) from None


def _row(camera: CameraSettings, *, comma: bool) -> Iterator[str]:
    for group in camera.groups:
        if _BETWEEN_GROUPS in group:
            whose = f"the group {group!r} of {camera.id}"
            raise Refused(f"{whose} can't stand in CSV; export TOML, or name the group otherwise")
    values = camera.model_dump(mode="json", exclude={"password", "secret"})
    for name, path in COLUMNS.items():
        yield _cell(name, _at(values, path), comma=comma)


def _cell(name: str, value: Any, *, comma: bool) -> str:
    if value is None:
        return ""
    if name == "motion":
        return json.dumps(value, ensure_ascii=False)
    if name in _SPANS:
        return span_text(value)
    if isinstance(value, list):
        return _guarded(_BETWEEN_GROUPS.join(value))
    if isinstance(value, float):
        # Every digit, and none of it an exponent, which would be read back as a word.
        return f"{Decimal(repr(value)):f}".replace(".", "," if comma else ".")
    return _guarded(str(value))


def _guarded(text: str) -> str:
    return f"'{text}" if text.startswith((*_RUNS, "'")) else text


def _unguarded(cell: str) -> str:
    return cell[1:] if cell[:1] == "'" and cell[1:].startswith((*_RUNS, "'")) else cell


def _at(values: Any, path: Sequence[str]) -> Any:
    for part in path:
        values = values.get(part) if isinstance(values, dict) else None
    return values


def _without_none(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: _without_none(value) if isinstance(value, dict) else value
        for key, value in values.items()
        if value is not None
    }


def _said(file: str, line: int, column: int, name: str, what: str, remedy: str | None) -> str:
    return f"{file}:{line}: column {column} {name}: {what}" + (f" ({remedy})" if remedy else "")
