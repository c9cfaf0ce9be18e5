"""What is wrong with a setting, in the words of the settings file. Pure.

pydantic knows what it expected; here that becomes a sentence and what to do, the same for
cameras.toml, for a line of a spreadsheet and for a field on a screen.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

Path = tuple[str | int, ...]

# pydantic's finding → what is wrong and the remedy.
_SHAPES = {
    "tuple_type": ("must be a list", 'a list of texts is ["a", "b"]; tables are [[name]] each'),
    "model_type": ("must be a table", "write [name] above its keys, with single brackets"),
    "path_type": ("must be a path in quotes", None),
    "string_type": ("must be text in quotes", None),
    "int_type": ("must be a whole number", None),
    "int_parsing": ("must be a whole number", None),
    "int_from_float": ("must be a whole number", None),
    "float_type": ("must be a number", None),
    "float_parsing": ("must be a number", None),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong: where, what, and what to do about it if that is known."""

    path: Path
    message: str
    remedy: str | None = None

    def __str__(self) -> str:
        place = dotted(self.path)
        remedy = f" ({self.remedy})" if self.remedy else ""
        return (f"{place}: " if place else "") + self.message + remedy


def findings_of(error: ValidationError, model: type[BaseModel]) -> Iterator[Finding]:
    """What pydantic found wrong with the values of `model`, in its order; never a value itself."""
    for item in error.errors(include_url=False):
        path = tuple(item["loc"])
        yield Finding(path, *_said(item, path, model))


def dotted(path: Path) -> str:
    """`("cameras", 0, "source")` → `cameras[1].source`."""
    text = ""
    for part in path:
        text += f"[{part + 1}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def _said(item: Any, path: Path, model: type[BaseModel]) -> tuple[str, str | None]:
    kind = item["type"]
    if kind == "extra_forbidden":
        known = _known_keys(model, path[:-1])
        near = difflib.get_close_matches(str(path[-1]), known, n=1, cutoff=0.5)
        remedy = f"did you mean {near[0]!r}?" if near else f"known here: {', '.join(known)}"
        return "there is no such setting", remedy
    if kind == "missing":
        return "is missing", f"add a line {path[-1]} = …"
    if kind in _SHAPES:
        return _SHAPES[kind]
    if kind == "literal_error":
        return f"{item['input']!r} is not known here", f"use {item.get('ctx', {}).get('expected')}"
    message = str(item["msg"]).removeprefix("Value error, ")
    if message[:2].istitle():
        message = message[:1].lower() + message[1:]
    return message, None


def _known_keys(model: Any, path: Path) -> list[str]:
    for part in path:
        if isinstance(part, int):
            continue
        annotation = model.model_fields[part].annotation
        model = next((a for a in (annotation, *get_args(annotation)) if _is_model(a)), None)
        if model is None:
            return []
    return [name for name in model.model_fields if name != "file"]


def _is_model(thing: object) -> bool:
    return isinstance(thing, type) and issubclass(thing, BaseModel)
