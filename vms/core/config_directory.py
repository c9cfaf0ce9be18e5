"""Who else may prove people: `[oidc]`, a provider of OpenID Connect, and `[ldap]`, a directory.

What they say of a person's groups becomes roles by the tables `groups`. Nothing here connects.
"""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from vms.core.clock import HOUR
from vms.core.config_values import Folder, Nanoseconds, SecretText, Section, within
from vms.core.inventory import one_line

SCOPE = re.compile(r"group:\S.{0,99}|[a-z0-9*?\[\]!-]{1,80}")
"""What a role is held on: an id, a glob, group:NAME, or * for the whole site."""


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _address(value: str) -> str:
    try:
        parts = urlsplit(value)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        host = ""
    if not host or parts.scheme not in ("http", "https") or parts.query or parts.fragment:
        raise ValueError("must be an address such as https://id.example.org")
    if parts.username is not None:
        raise ValueError("has a user or a password in it; leave them out")
    if parts.scheme == "http" and not _is_this_machine(host):
        raise ValueError("must begin with https://: what is said there decides who comes in")
    return value


def _console(value: str) -> str:
    value = _address(value).rstrip("/")
    if urlsplit(value).path:
        raise ValueError("must be the console's address without a path: https://vms.example.org")
    return value


def _host(value: str) -> str:
    if re.fullmatch(r"[a-z0-9.-]{1,253}", value) is None:
        raise ValueError(f"{value[:80]!r} is no host's name, such as oauth2.example.org")
    return value


def _directory_url(value: str) -> str:
    try:
        parts = urlsplit(value)
        good = bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good or parts.scheme not in ("ldap", "ldaps") or parts.path.strip("/") or parts.query:
        raise ValueError("must be an address such as ldaps://dc1.example.org")
    if parts.username is not None:
        raise ValueError("has a user or a password in it; use bind_dn and bind_password")
    return value


def _user_filter(value: str) -> str:
    if "{name}" not in value or not (value.startswith("(") and value.endswith(")")):
        raise ValueError("must be a filter in brackets with {name} in it, such as (uid={name})")
    return value


def _group_filter(value: str) -> str:
    if "{dn}" not in value and "{name}" not in value:
        raise ValueError("must have {dn} or {name} of the person in it, such as (member={dn})")
    if not (value.startswith("(") and value.endswith(")")):
        raise ValueError("must stand in brackets, such as (member={dn})")
    return value


def _place(value: str) -> str:
    if SCOPE.fullmatch(value) is None:
        raise ValueError(
            f"{value[:80]!r} is no camera; use an id, a glob such as gate-*, group:NAME, or * for "
            "the whole site"
        )
    return value


Attribute = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9;.-]{0,99}$")]
Claim = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(one_line)]
Dn = Annotated[str, Field(min_length=1, max_length=1_000), AfterValidator(one_line)]
Age = Annotated[Nanoseconds, within("5 min", "7 d")]


class MappedRole(Section):
    """A role that a group brings, and on which cameras: ids, globs, group:NAME; `*`: all."""

    role: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,39}$")]
    cameras: Annotated[
        tuple[Annotated[str, AfterValidator(_place)], ...], Field(min_length=1, max_length=100)
    ] = ("*",)


GroupName = Annotated[str, Field(min_length=1, max_length=1_000), AfterValidator(one_line)]
Groups = Annotated[
    dict[GroupName, Annotated[tuple[MappedRole, ...], Field(min_length=1, max_length=20)]],
    Field(min_length=1, max_length=500),
]


class OidcSettings(Section):
    """`[oidc]`: people sign in at a provider of OpenID Connect.

    `issuer`: its address, as its own description says it; `client_id`, `client_secret` (or its
    file, `client_secret_file`): what it knows this site by. `console`: where browsers open this
    console; what the provider must be told is `redirect_uri`. `name`: on the button. `hosts`:
    further hosts on which its endpoints may lie. `ca`: PEM of who signed its certificate, else the
    machine's. `name_claim`, `groups_claim`: where a person's name and groups stand. `factor`:
    values of `amr` that count as a second factor. `session`: a sign-in lasts so long at most.
    `fresh`: who is signed in at the provider already is asked again all the same.
    """

    issuer: Annotated[str, AfterValidator(_address)]
    client_id: Annotated[str, Field(pattern=r"^[!-~]{1,500}$")]
    client_secret: SecretText | None = None
    client_secret_file: Folder | None = None
    console: Annotated[str, AfterValidator(_console)]
    name: Annotated[str, Field(min_length=1, max_length=40), AfterValidator(one_line)] = "OpenID"
    scopes: Annotated[
        tuple[Annotated[str, Field(pattern=r"^[!#-\[\]-~]{1,100}$")], ...], Field(max_length=20)
    ] = ("openid", "profile", "email")
    hosts: Annotated[tuple[Annotated[str, AfterValidator(_host)], ...], Field(max_length=10)] = ()
    ca: Folder | None = None
    name_claim: Claim = "preferred_username"
    groups_claim: Claim = "groups"
    factor: Annotated[tuple[Claim, ...], Field(max_length=20)] = ()
    session: Age = 12 * HOUR
    fresh: bool = True
    groups: Groups

    @model_validator(mode="after")
    def _agree(self) -> OidcSettings:
        if self.client_secret is not None and self.client_secret_file is not None:
            raise ValueError("client_secret and client_secret_file say the same; keep one of them")
        if "openid" not in self.scopes:
            raise ValueError('scopes must have "openid" in it')
        return self

    @property
    def redirect_uri(self) -> str:
        """Where the provider sends people back to."""
        return f"{self.console}/api/session/oidc/callback"


class LdapSettings(Section):
    """`[ldap]`: names and passwords are asked of a directory, after the accounts of this site.

    `url`: ldaps://HOST, or ldap://HOST with `starttls`; `plain`: passwords may go unencrypted.
    `ca`: PEM of who signed its certificate, else the machine's. `bind_dn`, `bind_password` (or its
    file, `bind_password_file`): who searches; nobody in particular without them. `base`,
    `user_filter`: where and how a person is found; {name} is what was typed, escaped. `id`: the
    attribute that never changes (Active Directory: objectGUID); `display`: how screens show them.
    `group_attribute`: where a person's groups stand; `group_base`: only those below it count;
    `group_filter`: groups are searched below it instead, {dn} and {name} are the person's.
    """

    url: Annotated[str, AfterValidator(_directory_url)]
    starttls: bool = False
    plain: bool = False
    ca: Folder | None = None
    bind_dn: Dn | None = None
    bind_password: SecretText | None = None
    bind_password_file: Folder | None = None
    base: Dn
    user_filter: Annotated[str, Field(max_length=1_000), AfterValidator(_user_filter)] = (
        "(uid={name})"
    )
    id: Attribute = "entryUUID"
    display: Attribute = "cn"
    group_attribute: Attribute = "memberOf"
    group_base: Dn | None = None
    group_filter: Annotated[str, Field(max_length=1_000), AfterValidator(_group_filter)] | None = (
        None
    )
    session: Age = 12 * HOUR
    groups: Groups

    @model_validator(mode="after")
    def _agree(self) -> LdapSettings:
        if self.url.startswith("ldaps:") and self.starttls:
            raise ValueError("starttls is for ldap://; ldaps:// is encrypted from its first byte")
        if not (self.is_encrypted or self.plain or _is_this_machine(self.host)):
            raise ValueError(
                "would send passwords unencrypted; use ldaps://, or ldap:// with starttls = true "
                "(plain = true allows it nevertheless)"
            )
        if self.bind_password is not None and self.bind_password_file is not None:
            raise ValueError("bind_password and bind_password_file say the same; keep one of them")
        given = self.bind_password is not None or self.bind_password_file is not None
        if (self.bind_dn is not None) != given:
            raise ValueError("bind_dn and bind_password belong together: give both, or neither")
        if self.group_filter is not None and self.group_base is None:
            raise ValueError("group_filter needs group_base: where groups are searched")
        short = next((one for one in self.groups if "=" not in one), None)
        if short is not None and self.group_base is None:
            raise ValueError(
                f"the group {short[:80]!r} could lie anywhere in the directory; write its whole "
                "DN, or say with group_base where groups lie"
            )
        return self

    @property
    def is_encrypted(self) -> bool:
        return self.url.startswith("ldaps:") or self.starttls

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        return urlsplit(self.url).port or (636 if self.url.startswith("ldaps:") else 389)


SECRET_FILES: tuple[tuple[Literal["oidc", "ldap"], str, str], ...] = (
    ("oidc", "client_secret_file", "client_secret"),
    ("ldap", "bind_password_file", "bind_password"),
)
"""(section, the key that names a file, the key of the secret in it)."""


def placed(section: OidcSettings | LdapSettings, base: Path) -> OidcSettings | LdapSettings:
    """With paths from the settings file's folder on."""
    files = ("ca", "client_secret_file", "bind_password_file")
    given = {name: getattr(section, name, None) for name in files}
    return section.model_copy(update={n: base / path for n, path in given.items() if path})
