"""Addresses of streams as people paste them, and the secrets taken out of them. Pure.

A password stands before the host (`rtsp://user:secret@host/`) or, on many Chinese makes, among
the address's own words (`/user=admin_password=secret_channel=1`, `?user=admin&password=secret`).
Neither stays in a setting: the first is cut out, in the place of the second `{password}` is kept,
which is filled in when the camera is dialled.
"""

from __future__ import annotations

import re
from urllib.parse import quote

PASSWORD = "{password}"  # noqa: S105 - the place for one
"""Where the password belongs in an address that carries it among its own words."""

_HOST = re.compile(r"(\[[0-9A-Fa-f:.%]+\]|[^:\[\]@\s]+)(:\d{0,5})?")
# The value ends where the next word begins: `&` in a query, `_name=` in the path of XM's firmware.
_WORD = re.compile(
    r"(?<=[/?&_;])(?P<name>password|passwd|pwd|psw|pass)=(?P<value>.*?)(?=[&;#?/]|_\w+=|$)",
    re.IGNORECASE,
)


def split_credentials(url: str) -> tuple[str, str | None]:
    """The URL without what stands before its host's `@`, and that; None if there is nothing.

    People paste passwords with a raw `/`, `?` or `#`, which would end the host early: there the
    last `@` counts, unless what stands before it can only be a host, as in rtsp://10.0.0.5/a@1.
    """
    scheme, separator, rest = url.partition("://")
    if not separator:
        return url, None
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    at = authority.rfind("@")
    if at < 0 and not (_HOST.fullmatch(authority) and not _like_user(authority, rest)):
        at = rest.rfind("@")
    return (url, None) if at < 0 else (f"{scheme}://{rest[at + 1 :]}", rest[:at])


def _like_user(authority: str, rest: str) -> bool:
    """Whether `admin:1234` is a user with the beginning of a password, not a host and a port."""
    name, colon, _ = authority.partition(":")
    behind = re.split(r"[:/?#]", rest.rpartition("@")[2], maxsplit=1)[0]
    return bool(colon) and "." not in name and name[:1] != "[" and "." in behind


def split_password(url: str) -> tuple[str, str | None]:
    """The URL with `{password}` where it names one among its words, and that password as it stood.

    None when there is none, or `{password}` already. Raises ValueError for two different ones.
    """
    found = {match["value"] for match in _WORD.finditer(url)} - {"", PASSWORD}
    if not found:
        return url, None
    if len(found) > 1:
        raise ValueError("the address holds two different passwords; one serves it")
    return _WORD.sub(lambda match: f"{match['name']}={PASSWORD}", url), found.pop()


def blind(url: str) -> str:
    """The URL with `{password}` for each password among its words: to be shown, not dialled."""
    return _WORD.sub(lambda match: f"{match['name']}={PASSWORD}", url)


def with_password(url: str, password: str) -> str:
    """The address to dial: `{password}` filled in, percent-encoded."""
    return url.replace(PASSWORD, quote(password, safe=""))
