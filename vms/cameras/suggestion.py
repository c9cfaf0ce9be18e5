"""A found camera as the registry would take it: what it says of itself, in the keys of a camera.

Pure. What a person decides beside it (another name, a group) is laid over these values before
`vms.cameras.entry` reads them.
"""

from __future__ import annotations

from collections.abc import Container
from typing import Any

from vms.cameras.onvif.port import StreamFacts
from vms.cameras.onvif.reading import shown
from vms.cameras.onvif.search import Found
from vms.cameras.slug import free_id, slug

_LABEL_MAX = 100  # of vms.core.inventory


def suggested(found: Found, taken: Container[str]) -> dict[str, Any]:
    """The values of `[[cameras]]` for a camera that let us in; `taken`: ids that are not free.

    The password it took is among them: they are for the registry, never for an answer.
    """
    assert found.facts is not None, "a camera that was not described can't be suggested"
    facts, device = found.facts, found.facts.device
    name = found.match.name or f"{device.make} {device.model}".strip()
    if facts.sources > 1:
        name = f"{name[:190]} {facts.number}"
    label = {
        "make": device.make,
        "model": device.model,
        "serial": device.serial,
        "firmware": device.firmware,
        "mac": device.mac,
    }
    values: dict[str, Any] = {
        "id": free_id(slug(name), found.match.source, taken),
        "name": name[:200],
        "source": _dialled(facts.main, found),
        "sub": _dialled(facts.sub, found) if facts.sub is not None else None,
        "onvif": found.onvif,
        "onvif_source": facts.source if facts.sources > 1 else None,
        "inventory": {key: text[:_LABEL_MAX] for key, text in label.items() if text},
    }
    if found.credentials is not None:
        values["username"] = found.credentials.username
        values["password"] = found.credentials.password.reveal()
    return {key: value for key, value in values.items() if value is not None}


def _dialled(stream: StreamFacts, found: Found) -> str:
    """Its address; where one among its words is for a password, for the one that it took."""
    return shown(stream.uri) if found.credentials is not None else stream.uri
