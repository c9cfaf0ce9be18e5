"""What a camera's device is: what stands on its label, and what was done to it.

Nothing here changes what is recorded; a change of it touches no stream.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

_TURKISH_DAY = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\u2028\u2029]")
_CONTROL_IN_NOTES = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def parse_day(text: str) -> dt.date:
    """`2026-05-31`, or `31.05.2026` as a Turkish spreadsheet writes it. Raises ValueError."""
    turkish = _TURKISH_DAY.fullmatch(text.strip())
    try:
        if turkish is not None:
            return dt.date(int(turkish[3]), int(turkish[2]), int(turkish[1]))
        return dt.date.fromisoformat(text.strip())
    except ValueError:
        raise ValueError(f"{text[:40]!r} is not a day such as 2026-05-31 or 31.05.2026") from None


def one_line(text: str) -> str:
    """`text` without blanks around it; raises ValueError for a line break or control character."""
    if _CONTROL.search(text):
        raise ValueError("has a line break or another control character in it")
    return text.strip()


def _day(value: object) -> object:
    if isinstance(value, str):
        return parse_day(value)
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        return value
    raise ValueError("is not a day such as 2026-05-31")


def _notes(text: str) -> str:
    if _CONTROL_IN_NOTES.search(text):
        raise ValueError("has a control character in it")
    return text.strip()


def _mac(text: str) -> str:
    """`AC-CC-8E-C1-23-45`, `accc.8ec1.2345` and the like as `ac:cc:8e:c1:23:45`."""
    digits = re.sub(r"[:.\-\s]", "", text).lower()
    if not digits:
        return ""
    if re.fullmatch(r"[0-9a-f]{12}", digits) is None:
        raise ValueError(f"{text[:40]!r} is no MAC address such as ac:cc:8e:c1:23:45")
    return ":".join(digits[at : at + 2] for at in range(0, 12, 2))


Label = Annotated[str, Field(max_length=100), AfterValidator(one_line)]
Mac = Annotated[str, Field(max_length=40), AfterValidator(_mac)]
Day = Annotated[dt.date, BeforeValidator(_day)]


class Inventory(BaseModel):
    """A device: make, model, serial number, firmware and MAC as its label and its pages say them.

    `mac`: in any way of writing; it is kept as `ac:cc:8e:c1:23:45`. `installed`, `warranty_until`:
    days; `notes`: maintenance, in as many lines as it takes.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    make: Label = ""
    model: Label = ""
    serial: Label = ""
    firmware: Label = ""
    mac: Mac = ""
    installed: Day | None = None
    warranty_until: Day | None = None
    notes: Annotated[str, Field(max_length=4_000), AfterValidator(_notes)] = ""


def _none_if_blank(inventory: Inventory | None) -> Inventory | None:
    return None if inventory == Inventory() else inventory


Described = Annotated[Inventory | None, AfterValidator(_none_if_blank)]
"""An inventory in which something stands, or none: a form left blank is no change."""
