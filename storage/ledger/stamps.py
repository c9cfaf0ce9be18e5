"""RFC 3161 stamps of checkpoints: an authority says that a head existed at a time.

A checkpoint that is to be stamped is written to `stamps/<size>.note` first, so that it waits over
restarts and outages; the authority's whole answer goes to `stamps/<size>.tsr` beside it, which
`openssl ts -verify -data <size>.note -in <size>.tsr` reads. The only module that knows
rfc3161-client; it is loaded only where a stamp is asked for or checked.
"""

from __future__ import annotations

import contextlib
import http.client
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from storage.disk import Disk
from storage.ledger.checkpoints import checkpoint_of
from storage.ledger.note import BadNote
from vms.core.clock import SECOND, Instant
from vms.core.config_storage import LedgerSettings
from vms.core.dialling import Forbidden
from vms.core.errors import StorageError
from vms.core.exchange import exchange
from vms.core.log import get_logger
from vms.core.model import Cause
from vms.core.networks import ANYWHERE, Networks
from vms.core.plain import plain

if TYPE_CHECKING:
    import datetime as dt

    from rfc3161_client import TimeStampResponse

log = get_logger(__name__)

_DEADLINE = 20.0  # seconds an authority has to answer
_QUERY = "application/timestamp-query"
_ANSWER_MAX = 1_048_576
_AT_ONCE = 20  # stamps asked for in one round, the newest first: it vouches for all before it

Send = Callable[[str, bytes], bytes]
"""Posts a request to a URL and gives the answer's body; raises OSError."""


class BadStamp(ValueError):
    """An answer that is no stamp of what was asked."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """A stamped checkpoint: how many leaves, and when the authority saw it."""

    size: int
    at: Instant
    note: str


class Stamps:
    """The stamps of one ledger. Changes only by the custodian."""

    def __init__(
        self, folder: Path, disk: Disk, settings: LedgerSettings, send: Send | None = None
    ) -> None:
        self._folder, self._disk, self._settings = folder / "stamps", disk, settings
        self._send = send if send is not None else _post

    def want(self, note: str) -> None:
        """Queue a checkpoint to be stamped, durably. Raises StorageError, BadNote."""
        path = self._folder / f"{checkpoint_of(note).size:012}.note"
        if not path.exists():
            self._write(path, note.encode())

    def last_wanted(self) -> Instant | None:
        """When the newest checkpoint was signed that is stamped or waits to be."""
        for path in sorted(self._folder.glob("*.note"), reverse=True):
            with contextlib.suppress(BadNote, OSError):
                return checkpoint_of(path.read_text()).at
        return None

    def waiting(self) -> list[Path]:
        """The checkpoints without a stamp, the newest first."""
        notes = sorted(self._folder.glob("*.note"), reverse=True)
        return [path for path in notes if not path.with_suffix(".tsr").exists()]

    def ask(self, stopping: threading.Event) -> int:
        """Ask for the stamps that wait; how many came. Raises StorageError at the first refusal."""
        authority = self._settings.authority
        if authority is None:
            return 0
        got = 0
        for path in self.waiting()[:_AT_ONCE]:
            if stopping.is_set():
                break
            try:
                answer = self._asked(authority, path.read_bytes())
            except (OSError, BadStamp) as error:
                told = f"no stamp from {authority}: {plain(str(error))}"
                raise StorageError(Cause.DISK_FAILED, told) from error
            self._write(path.with_suffix(".tsr"), answer)
            got += 1
        return got

    def stamps(self) -> Iterator[Stamp | str]:
        """All stamps, the oldest first, checked; a sentence in place of one that is not right."""
        for path in sorted(self._folder.glob("*.tsr")):
            note = path.with_suffix(".note")
            try:
                data = note.read_bytes()
                at = check_stamp(path.read_bytes(), data, self._settings.certificates)
                yield Stamp(checkpoint_of(data.decode()).size, at, data.decode())
            except (OSError, ValueError) as error:
                yield f"{path}: {plain(str(error))}"

    def last(self) -> Stamp | None:
        """The newest stamp that is right."""
        for path in sorted(self._folder.glob("*.tsr"), reverse=True):
            with contextlib.suppress(OSError, ValueError):
                data = path.with_suffix(".note").read_bytes()
                at = check_stamp(path.read_bytes(), data, self._settings.certificates)
                return Stamp(checkpoint_of(data.decode()).size, at, data.decode())
        return None

    def _asked(self, authority: str, note: bytes) -> bytes:
        from rfc3161_client import HashAlgorithm, TimestampRequestBuilder

        request = TimestampRequestBuilder().data(note).hash_algorithm(HashAlgorithm.SHA256).build()
        answer = self._send(authority, request.as_bytes())
        check_stamp(answer, note, self._settings.certificates)
        if _read(answer).tst_info.nonce != request.nonce:
            raise BadStamp("the answer is to another question: its nonce differs")
        return answer

    def _write(self, path: Path, data: bytes) -> None:
        """Whole and durable under its name, or not at all."""
        draft = path.with_name(f"{path.name}.draft")
        try:
            if not self._folder.is_dir():
                self._disk.make_folder(self._folder)
                self._disk.sync_folder(self._folder.parent)
            with contextlib.suppress(FileNotFoundError):
                self._disk.unlink(draft)
            fd = self._disk.create(draft)
            try:
                self._disk.write(fd, data, 0)
                self._disk.sync_file(fd)
            finally:
                self._disk.close(fd)
            self._disk.rename(draft, path)
            self._disk.sync_folder(self._folder)
        except OSError as error:
            raise StorageError(Cause.DISK_FAILED, f"{path} can't be written: {error}") from error


def check_stamp(answer: bytes, note: bytes, certificates: Path | None) -> Instant:
    """When an authority saw `note`. Raises BadStamp; OSError if the certificates can't be read.

    Without certificates only what the stamp says is checked, not who says it.
    """
    response = _read(answer)
    info = response.tst_info
    if info.message_imprint.message != sha256(note).digest():
        raise BadStamp("it stamps something else")
    if certificates is not None:
        _check_chain(response, note, certificates)
    return _instant(info.gen_time)


def _read(answer: bytes) -> TimeStampResponse:
    from rfc3161_client import PKIStatus, decode_timestamp_response

    try:
        response = decode_timestamp_response(answer)
    except ValueError as error:
        raise BadStamp(f"it is no RFC 3161 answer: {error}") from error
    if response.status not in (PKIStatus.GRANTED, PKIStatus.GRANTED_WITH_MODS):
        raise BadStamp(f"the authority refused: {' '.join(response.status_string)[:200]}")
    return response


def _check_chain(response: TimeStampResponse, note: bytes, certificates: Path) -> None:
    from cryptography.x509 import load_pem_x509_certificates
    from rfc3161_client import VerificationError, VerifierBuilder

    try:
        roots = load_pem_x509_certificates(certificates.read_bytes())
    except ValueError as error:
        raise BadStamp(f"{certificates} holds no certificates in PEM: {error}") from error
    try:
        VerifierBuilder(roots=roots).build().verify_message(response, note)
    except (VerificationError, ValueError) as error:
        raise BadStamp(f"it is not signed by the authority of {certificates}: {error}") from error


def _instant(moment: dt.datetime) -> Instant:
    return Instant(int(moment.timestamp()) * SECOND)


def _post(url: str, request: bytes, reach: Networks = ANYWHERE) -> bytes:
    """One exchange with the address that was checked; where it redirects to is not followed."""
    try:
        answer = exchange(
            *(url, reach),
            within_s=_DEADLINE,
            most=_ANSWER_MAX,
            body=request,
            headers={"Content-Type": _QUERY},
        )
    except (Forbidden, http.client.HTTPException) as error:
        raise OSError(5, str(error)) from error
    if answer.status != 200:
        host = urlsplit(url).hostname or ""
        raise OSError(5, f"{host} answers {answer.status} {answer.reason}")
    return answer.body
