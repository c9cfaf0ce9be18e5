"""XML of strangers, read within bounds. Pure.

A document type is refused at its first sign, so no entity is ever expanded; depth and number of
elements are bounded while reading, size before. Names lose their namespaces: cameras get prefixes
and versions wrong, and no name we read is used by two of them. The namespace is kept beside, for
what must be sent back as it came.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.parsers import expat

SIZE_MAX = 1_000_000
DEPTH_MAX = 64
ELEMENTS_MAX = 20_000
_DECLARATION = re.compile(r"^<\?xml[^>]*\?>")  # what it says of its encoding was no help
_NO_XML = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_BARE_AMPERSAND = re.compile(r"&(?!(?:amp|lt|gt|quot|apos|#\d{1,7}|#x[0-9a-fA-F]{1,6});)")


class NotXml(ValueError):
    """Bytes that are no XML."""


class HostileXml(ValueError):
    """XML beyond the bounds."""


@dataclass(slots=True)
class Element:
    """One element: its name without prefix, its attributes, its own text, its children.

    `namespace`: what its prefix stands for; empty for one that was never declared.
    """

    name: str
    attributes: dict[str, str]
    text: str = ""
    children: list[Element] = field(default_factory=list)
    namespace: str = ""

    def walk(self) -> Iterator[Element]:
        """This element and all below it, in the order of the document."""
        waiting = [self]
        while waiting:
            one = waiting.pop()
            yield one
            waiting.extend(reversed(one.children))

    def all(self, name: str) -> Iterator[Element]:
        """The elements of that name, this one included."""
        return (one for one in self.walk() if one.name == name)

    def first(self, *path: str) -> Element | None:
        """The first element of path[0], in it the first of path[1], and so on."""
        here: Element | None = self
        for name in path:
            here = next(here.all(name), None) if here is not None else None
        return here

    def words(self, *path: str) -> str:
        """The text at `path`, without spaces around it; empty when there is none."""
        found = self.first(*path)
        return found.text.strip() if found is not None else ""


def parse(data: bytes) -> Element:
    """Read a document, if need be as it was meant (`mended`). Raises NotXml, HostileXml."""
    if len(data) > SIZE_MAX:
        raise HostileXml(f"{len(data)} bytes, more than {SIZE_MAX}")
    try:
        return _parsed(data)
    except NotXml as error:
        try:
            return _parsed(mended(data))
        except NotXml:
            raise error from None


def mended(data: bytes) -> bytes:
    """A document without what makers spoil it by: blank lines before it, zeros and noise behind it,
    letters of another encoding than it says, control characters, bare ampersands in addresses.
    """
    text = _DECLARATION.sub("", data.decode("utf-8", "replace").lstrip("\ufeff \t\r\n\0"))
    text = _NO_XML.sub("", text[: text.rfind(">") + 1])
    return _BARE_AMPERSAND.sub("&amp;", text).encode()


def _parsed(data: bytes) -> Element:
    reader = _Reader()
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = reader.doctype
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.characters
    try:
        parser.Parse(data, True)
    except (expat.ExpatError, ValueError, LookupError) as error:
        if isinstance(error, HostileXml | NotXml):
            raise
        raise NotXml(str(error)) from None  # LookupError: an encoding nobody knows
    assert reader.root is not None, "expat refuses a document without an element"
    return reader.root


class _Reader:
    """Builds the tree."""

    def __init__(self) -> None:
        self.root: Element | None = None
        self._open: list[Element] = []
        self._declared: list[dict[str, str]] = []  # of each open element: prefix → namespace
        self._count = 0

    def doctype(self, name: str, system: object, public: object, inside: int) -> None:
        if name.lower() == "html" and not inside:  # the page of a router, which harms nobody
            raise NotXml("it is a page of HTML")
        raise HostileXml("has a document type")

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._count += 1
        if self._count > ELEMENTS_MAX or len(self._open) >= DEPTH_MAX:
            raise HostileXml(f"more than {ELEMENTS_MAX} elements, or {DEPTH_MAX} in each other")
        prefix, _, local = name.rpartition(":")
        self._declared.append(_declarations(attributes))
        element = Element(
            local,
            {key.rpartition(":")[2]: v for key, v in attributes.items()},
            namespace=next((one[prefix] for one in reversed(self._declared) if prefix in one), ""),
        )
        if self._open:
            self._open[-1].children.append(element)
        else:
            self.root = element
        self._open.append(element)

    def end(self, name: str) -> None:
        self._open.pop()
        self._declared.pop()

    def characters(self, text: str) -> None:
        if self._open:
            self._open[-1].text += text


def _declarations(attributes: dict[str, str]) -> dict[str, str]:
    """The namespaces an element declares, by prefix; the default one by ''."""
    return {
        key.partition(":")[2]: value
        for key, value in attributes.items()
        if key == "xmlns" or key.startswith("xmlns:")
    }
