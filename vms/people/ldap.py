"""Proving people by a directory (LDAP, Active Directory): searched by the service, then bound to
as the person. The one module that knows ldap3, which is an extra.

Nothing that a person types reaches a filter or DN unescaped; an empty password, which a directory
takes for an anonymous bind, never reaches it at all. References to other directories are not
followed.
"""

from __future__ import annotations

import contextlib
import re
import ssl
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from vms.core.config_directory import LdapSettings, MappedRole
from vms.core.dialling import Forbidden, places_now
from vms.core.errors import BadRequest, VmsError
from vms.core.log import get_logger
from vms.core.networks import Networks
from vms.core.plain import plain
from vms.people.accounts import check_name, fold_name
from vms.people.externals import External, ProviderDown, Turns, grants_of

if TYPE_CHECKING:
    import ldap3

CONNECT_S = 5
ANSWER_S = 10
PLACES_MAX = 3  # addresses of one name that are tried
GROUPS_MAX = 1_000
_SHOWN = 200

# RFC 4511 §4.1.9 and Active Directory: what a bind says of a person, not of the directory.
_REFUSED = {
    19: "constraint (locked or expired)",
    48: "no password of this kind",
    49: "wrong password, locked or expired",
    50: "not allowed",
    53: "unwilling (locked or expired)",
}
_AMBIGUOUS = 4  # sizeLimitExceeded: there are more than was asked for

_log = get_logger(__name__)
Entry = tuple[str, Mapping[str, Sequence[bytes]]]
"""A DN, and the values by attribute in lower case."""


class MissingPart(VmsError):
    """The extra that knows directories is not installed."""


class LdapDirectory:
    """The directory of `[ldap]`. `prove` blocks: for threads."""

    def __init__(self, settings: LdapSettings, reach: Networks) -> None:
        """Raises MissingPart."""
        try:
            import ldap3
        except ImportError:
            raise MissingPart(
                "directories need the package ldap3; install it with pip install 'gozcu[ldap]', or "
                "take [ldap] away"
            ) from None
        self._settings, self._reach, self._ldap = settings, reach, ldap3
        self._turns = Turns()

    def prove(self, name: str, password: str) -> External | None:
        """Who this is; None: the name or the password is wrong. Raises ProviderDown."""
        if not _can_name(name) or not _is_password(password):
            return None
        with self._turns.one("the directory"):
            return self._prove(fold_name(name), name.strip(), password)

    def _prove(self, account: str, typed: str, password: str) -> External | None:
        from ldap3.core.exceptions import LDAPException
        from ldap3.utils.conv import escape_filter_chars

        settings = self._settings
        try:
            with self._bound(settings.bind_dn, self._service_password()) as service:
                if service.result["result"] != 0:
                    raise self._down(f"it refuses bind_dn or its password ({_said(service)})")
                wanted = settings.user_filter.replace("{name}", escape_filter_chars(typed))
                attributes = [settings.id, settings.display, settings.group_attribute]
                found = self._found(service, settings.base, wanted, attributes, 2)
                if not found:
                    return None
                dn, values = found[0]
                if len(found) > 1 or not dn:
                    raise self._down(f"user_filter finds several people for {plain(account)!r}")
                if not self._binds(dn, password, account):
                    return None
                return self._external(account, dn, values, self._groups(service, typed, found[0]))
        except (LDAPException, OSError, Forbidden, ssl.SSLError) as error:
            raise self._down(plain(str(error) or type(error).__name__, _SHOWN)) from None

    def _binds(self, dn: str, password: str, account: str) -> bool:
        with self._bound(dn, password) as person:
            code = person.result["result"]
            if code == 0:
                return True
            if code not in _REFUSED:
                raise self._down(f"it binds nobody now ({_said(person)})")
        _log.info("directory_refused", account=account, why=_REFUSED[code])
        return False

    @contextlib.contextmanager
    def _bound(self, dn: str | None, password: str | None) -> Iterator[ldap3.Connection]:
        """A connection after its bind, whatever came of it; it is closed at the end."""
        connection = self._opened(dn, password)
        try:
            connection.bind(read_server_info=False)
            yield connection
        finally:
            connection.unbind()

    def _opened(self, dn: str | None, password: str | None) -> ldap3.Connection:
        """Connected to the first address that answers, encrypted if it shall be, not yet bound."""
        ldap, settings = self._ldap, self._settings
        last: Exception = OSError(f"{settings.host} has no address")
        for _, place in places_now(settings.host, settings.port, self._reach)[:PLACES_MAX]:
            server = ldap.Server(
                str(place[0]),
                settings.port,
                use_ssl=settings.url.startswith("ldaps:"),
                tls=self._tls(),
                get_info=ldap.NONE,
                connect_timeout=CONNECT_S,
            )
            connection: ldap3.Connection = ldap.Connection(
                server,
                user=dn,
                password=password,
                authentication=ldap.ANONYMOUS if dn is None else ldap.SIMPLE,
                receive_timeout=ANSWER_S,
                auto_referrals=False,
                check_names=False,
                read_only=True,
            )
            try:
                connection.open(read_server_info=False)
                if settings.starttls:
                    connection.start_tls(read_server_info=False)
            except (ldap.core.exceptions.LDAPException, OSError) as error:
                if connection.socket is not None:
                    connection.socket.close()  # ldap3 leaves it when opening fails
                last = error
            else:
                return connection
        raise last

    def _tls(self) -> Any:
        ldap, host, ca = self._ldap, self._settings.host, self._settings.ca

        class Checked(ldap.Tls):  # type: ignore[misc,name-defined]
            """By Python's own check of chain and name, against the name of the settings."""

            def wrap_socket(self, connection: Any, do_handshake: bool = False) -> None:
                context = ssl.create_default_context(cafile=ca)
                connection.socket = context.wrap_socket(connection.socket, server_hostname=host)

        return Checked()

    def _service_password(self) -> str | None:
        secret = self._settings.bind_password
        return None if secret is None else secret.reveal()

    def _found(
        self, service: ldap3.Connection, base: str, wanted: str, attributes: list[str], most: int
    ) -> list[Entry]:
        service.search(base, wanted, attributes=attributes, size_limit=most, time_limit=ANSWER_S)
        code = service.result["result"]
        if code not in (0, _AMBIGUOUS):
            raise self._down(f"it can't search below {base} ({_said(service)})")
        return [
            (one["dn"], {name.lower(): values for name, values in one["raw_attributes"].items()})
            for one in service.response or ()
            if one["type"] == "searchResEntry"
        ]

    def _groups(self, service: ldap3.Connection, typed: str, person: Entry) -> list[str]:
        """The DNs of a person's groups."""
        from ldap3.utils.conv import escape_filter_chars

        settings, (dn, values) = self._settings, person
        if settings.group_filter is None or settings.group_base is None:
            listed = values.get(settings.group_attribute.lower(), ())
            return [one.decode("utf-8", "replace") for one in listed]
        wanted = settings.group_filter.replace("{dn}", escape_filter_chars(dn))
        wanted = wanted.replace("{name}", escape_filter_chars(typed))
        groups = self._found(service, settings.group_base, wanted, ["1.1"], GROUPS_MAX)
        return [one for one, _ in groups]

    def _external(
        self, account: str, dn: str, values: Mapping[str, Sequence[bytes]], groups: Iterable[str]
    ) -> External:
        settings = self._settings
        ids = values.get(settings.id.lower()) or ()
        if len(ids) != 1 or not ids[0]:
            raise self._down(
                f"{plain(dn, _SHOWN)} has no single {settings.id}; name with id under [ldap] an "
                "attribute that never changes (Active Directory: objectGUID)"
            )
        shown = values.get(settings.display.lower()) or (b"",)
        mapped = mapped_groups(groups, settings.groups, settings.group_base)
        return External(
            "ldap",
            ids[0].hex(),
            account,
            plain(shown[0].decode("utf-8", "replace"), _SHOWN),
            grants_of(mapped, settings.groups),
        )

    def _down(self, why: str) -> ProviderDown:
        return ProviderDown(f"the directory {self._settings.url}: {why}")


def _said(connection: ldap3.Connection) -> str:
    return plain(str(connection.result.get("description", "")), 80)


def _is_password(password: str) -> bool:
    """Whether anything of it is left to bind with: signs that mean nothing fall away (RFC 4013),
    and an empty one would be an anonymous bind."""
    from ldap3.core.exceptions import LDAPException
    from ldap3.protocol.sasl.sasl import sasl_prep

    try:
        return password != "" and sasl_prep(password) != ""  # type: ignore[no-untyped-call]
    except LDAPException:  # control characters and such: nobody has it
        return False


def _can_name(name: str) -> bool:
    """Whether it can name an account, in one way: a directory overlooks marks and hidden signs, and
    each spelling would be a name of its own to the throttle."""
    try:
        check_name(name.strip())
    except BadRequest:
        return False
    folded = fold_name(name)
    return not any(unicodedata.category(sign) in ("Mn", "Me", "Cf") for sign in folded)


def mapped_groups(
    groups: Iterable[str], mapping: Mapping[str, Sequence[MappedRole]], base: str | None
) -> list[str]:
    """Which keys of `[ldap.groups]` groups (DNs) are: by DN, or by name below `base`."""
    below = None if base is None else parts_of_dn(base)
    by_dn = {parts_of_dn(key): key for key in mapping if "=" in key}
    by_name = {key.casefold(): key for key in mapping if "=" not in key}
    found = []
    for group in groups:
        parts = parts_of_dn(group)
        if below is not None and parts[-len(below) :] != below:
            continue
        key = by_dn.get(parts)
        if key is None and below is not None and parts:
            key = by_name.get(parts[0].partition("=")[2])
        if key is not None:
            found.append(key)
    return found


def parts_of_dn(dn: str) -> tuple[str, ...]:
    """A DN's parts, as they are compared: `CN=A\\2Cb, OU=x` → ("cn=a,b", "ou=x")."""
    parts = re.findall(r"(?:[^\\,]|\\.)+", dn, re.DOTALL)
    return tuple(_plain_part(part) for part in parts)


def _plain_part(part: str) -> str:
    attribute, _, value = part.partition("=")
    raw = re.sub(
        rb"\\([0-9a-fA-F]{2})|\\(.)",
        lambda found: bytes.fromhex(found[1].decode()) if found[1] else found[2],
        value.strip().encode("utf-8", "surrogateescape"),
        flags=re.DOTALL,
    )
    text = unicodedata.normalize("NFKC", raw.decode("utf-8", "replace"))
    return f"{attribute.strip().lower()}={' '.join(text.split()).casefold()}"
