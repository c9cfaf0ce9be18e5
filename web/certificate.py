"""The certificate this server shows: from files, or a pair of its own made at first start.

The files are looked at again while the server runs; a new pair is shown to who connects from then
on, and open connections stay.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import ipaddress
import os
import socket
import ssl
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from vms.core.config import Settings
from vms.core.errors import ConfigError
from vms.core.log import get_logger

log = get_logger(__name__)

LIFETIME = dt.timedelta(days=397)  # what browsers take at most
RENEW = dt.timedelta(days=30)
LOOK_EVERY_S = 5.0


@dataclass(frozen=True, slots=True)
class Pair:
    """Certificate (with its chain) and key as PEM files. `own`: made by us, vouched for by none."""

    certificate: Path
    key: Path
    own: bool

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the certificate as browsers show it, to compare at the first visit."""
        found = x509.load_pem_x509_certificate(self.certificate.read_bytes())
        return found.fingerprint(hashes.SHA256()).hex(":").upper()


def pair_of(settings: Settings) -> Pair | None:
    """What to show; None: this server speaks no TLS. Makes a pair if there is none, or if its own
    is about to end. Raises ConfigError."""
    web = settings.web
    if not web.is_tls:
        return None
    if web.tls_certificate is not None and web.tls_key is not None:
        pair = Pair(web.tls_certificate, web.tls_key, own=False)
    else:
        folder = settings.system.data / "tls"
        pair = Pair(folder / "certificate.pem", folder / "key.pem", own=True)
        if not _lasts(pair):
            _make(pair, {web.host, socket.gethostname(), "localhost", "127.0.0.1", "::1"})
            log.warning(
                "a certificate of our own was made; browsers warn until it is trusted, or "
                "tls_certificate and tls_key are set",
                fingerprint=pair.fingerprint,
            )
    try:
        context_of(pair)
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"the certificate {pair.certificate} with the key {pair.key} can't be used: {error}",
            file=str(settings.file),
            key="web.tls_certificate",
            remedy="give both as PEM, the certificate's chain behind it, readable for this user",
        ) from None
    return pair


def context_of(pair: Pair) -> ssl.SSLContext:
    """TLS 1.2 and newer with the pair. Raises OSError, ValueError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.load_cert_chain(pair.certificate, pair.key, password=_no_password)
    return context


async def follow(pair: Pair, context: ssl.SSLContext) -> None:
    """Load the pair again whenever its files change, for ever."""
    shown = _stamp(pair)
    while True:
        await asyncio.sleep(LOOK_EVERY_S)
        now = _stamp(pair)
        if now == shown or None in now:
            continue
        try:
            context_of(pair)  # first beside: half of a pair must not replace a whole one
            context.load_cert_chain(pair.certificate, pair.key, password=_no_password)
        except (OSError, ValueError) as error:
            log.error("the new certificate can't be used", file=str(pair.certificate),
                      error=str(error))  # fmt: skip
        else:
            log.info("a new certificate is shown", fingerprint=pair.fingerprint)
        shown = now


def _no_password() -> str:
    """Instead of a question on the terminal."""
    raise ValueError("the key is encrypted; store it without a password, readable for us only")


def _stamp(pair: Pair) -> tuple[tuple[int, int] | None, ...]:
    def one(file: Path) -> tuple[int, int] | None:
        try:
            found = file.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_ino

    return one(pair.certificate), one(pair.key)


def _lasts(pair: Pair) -> bool:
    try:
        found = x509.load_pem_x509_certificate(pair.certificate.read_bytes())
        pair.key.stat()
    except (OSError, ValueError):
        return False
    return found.not_valid_after_utc - dt.datetime.now(dt.UTC) > RENEW


def _make(pair: Pair, names: set[str]) -> None:
    """A new pair, the key for us only."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, socket.gethostname()[:64])])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + LIFETIME)
        .add_extension(x509.SubjectAlternativeName(_alternatives(names)), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pair.key.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    _write(pair.key, secret)
    _write(pair.certificate, certificate.public_bytes(serialization.Encoding.PEM))


def _alternatives(names: set[str]) -> list[x509.GeneralName]:
    found: list[x509.GeneralName] = []
    for name in sorted(names):
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            if name.isascii():
                found.append(x509.DNSName(name))
        else:
            if not address.is_unspecified:
                found.append(x509.IPAddress(address))
    return found


def _write(file: Path, data: bytes) -> None:
    fresh = file.with_name(f"{file.name}.new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as out:
        out.write(data)
        out.flush()
        os.fsync(out.fileno())
    fresh.replace(file)
