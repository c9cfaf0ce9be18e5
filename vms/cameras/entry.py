"""What a person enters about a camera, as settings; or which field is wrong, why, what to do. Pure.

For the API, the screens and discovery: plain values in, `CameraSettings` out. A password goes in
and never comes out; what is not said of one that is there leaves it as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from pydantic import ValidationError

from vms.core.config_camera import CameraSettings
from vms.core.errors import BadFields
from vms.core.findings import Finding, findings_of
from vms.core.source_url import split_credentials, split_password

_WHO = ("username", "password")
_OF_THE_DEVICE = (
    "source", "sub", "onvif", "onvif_certificate", "onvif_source", "inventory", "transport",
)  # fmt: skip
_SECRET = Finding(
    ("secret",),
    "names a file of the server, which only cameras.toml may",
    "send the password itself, as password",
)


def entered(values: Mapping[str, Any]) -> CameraSettings:
    """The camera of `values`, in the keys of `[[cameras]]`. Raises BadFields."""
    if "secret" in values:
        raise BadFields([_SECRET])
    try:
        return CameraSettings.model_validate(_lists_as_tuples(values))
    except ValidationError as error:
        raise BadFields(_in_words_of_an_entry(error)) from None


def patched(before: CameraSettings, patch: Mapping[str, Any]) -> CameraSettings:
    """`before` with a merge patch (RFC 7396): null takes a value away, what is left out stays.

    User and password written into an address take the place of those that are there.
    """
    if patch.get("id", before.id) != before.id:
        raise BadFields(
            [Finding(("id",), "can't be changed: the footage lies under it", "change the name")]
        )
    values = before.model_dump(exclude={"secret", "password"}, exclude_none=True)
    if before.password is not None:  # itself, for what a dump holds is ***
        values["password"] = before.password
    for key in _named_in_addresses(patch) - set(patch):
        values.pop(key, None)
    return entered(_merged(values, patch))


def replaced(before: CameraSettings, device: Mapping[str, Any]) -> CameraSettings:
    """`before` with another device: id, name, place and groups stay, its footage too.

    Addresses and inventory of the old device go; user and password stay unless they are given.
    """
    if "source" not in device:
        raise BadFields([Finding(("source",), "is missing", "give the new device's address")])
    unknown = sorted(set(device) - {*_OF_THE_DEVICE, *_WHO})
    if unknown:
        known = ", ".join((*_OF_THE_DEVICE, *_WHO))
        raise BadFields(
            Finding((name,), "is not of the device and stays", f"known here: {known}")
            for name in unknown
        )
    gone = dict.fromkeys(_OF_THE_DEVICE)
    return patched(before.model_copy(update={"inventory": None}), {**gone, **device})


def refuse_to_tell(
    before: CameraSettings, after: CameraSettings, patch: Mapping[str, Any], *, whole: bool = True
) -> None:
    """Raise BadFields where a stored password would be sent to another host than it was given for.

    Else whoever may change an address could read a password by pointing it at a machine of theirs.
    `whole`: they may do so with every camera, and nothing is hidden from them. Who may not could
    look at another camera of the same recorder or encoder: for them another port or path is another
    place, too.
    """
    place = _host if whole else _address
    known, new = _places(before, place), _places(after, place)
    said = "password" in patch or "password" in _named_in_addresses(patch)
    if before.password is not None and after.password is not None and not said and new - known:
        what = "host" if whole else "address"
        raise BadFields(
            [
                Finding(
                    ("password",),
                    f"is not handed on to another {what} ({', '.join(sorted(new - known))})",
                    "enter it again, or null for none",
                )
            ]
        )


def _places(camera: CameraSettings, place: Callable[[str], str]) -> set[str]:
    urls = (camera.source, camera.sub, camera.onvif)
    return {place(url) for url in urls if url is not None}


def _host(url: str) -> str:
    return (urlsplit(url).hostname or "").lower()


def _address(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.netloc.lower()}{parts.path}" + (f"?{parts.query}" if parts.query else "")


def _named_in_addresses(values: Mapping[str, Any]) -> set[str]:
    """Which of user and password stand in the addresses."""
    found: set[str] = set()
    for key in ("source", "sub"):
        url = values.get(key)
        if not isinstance(url, str):
            continue
        url, userinfo = split_credentials(url)
        if userinfo is not None:
            found.add("username")
        try:
            among = split_password(url)[1]
        except ValueError:  # two of them: what validates the address says so
            among = None
        if among or (userinfo is not None and ":" in userinfo):
            found.add("password")
    return found


def _merged(target: dict[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(target)
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, Mapping):
            below = merged.get(key)
            merged[key] = _merged(below if isinstance(below, dict) else {}, value)
        else:
            merged[key] = value
    return merged


def _lists_as_tuples(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: tuple(v) if isinstance(v, list) else v for key, v in values.items()}


def _in_words_of_an_entry(error: ValidationError) -> Iterator[Finding]:
    for finding in findings_of(error, CameraSettings):
        if finding.message == "is missing":
            yield Finding(finding.path, finding.message, f"give {finding.path[-1]}")
        else:
            yield finding
