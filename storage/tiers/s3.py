"""Object stores that speak S3: MinIO, Ceph, Garage, AWS and their like, by obstore.

The only module that knows obstore; imported only where there is a tier.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import S3Store

from storage.tiers.bucket import PART, BucketError, Listed
from vms.core.config_storage import TierSettings
from vms.core.model import Cause

if TYPE_CHECKING:
    from obstore.store import S3Config

# A part of 5 MiB within 60 s is 0.7 Mbit/s: what is slower can't take a camera's footage away.
_PATIENT = timedelta(seconds=60)
_PROMPT = timedelta(seconds=10)  # for whoever waits for a picture or a fact
_CONNECT = timedelta(seconds=4)
_CODE = re.compile(r"<Code>([A-Za-z]{3,60})</Code>")
_STATUS = re.compile(r"status code: (\d{3})")


class S3Bucket:
    """A bucket behind `settings.endpoint`, or AWS. Thread-safe; opens no connection by itself."""

    def __init__(self, settings: TierSettings) -> None:
        parts = urlsplit(settings.url)
        self.url = settings.url.rstrip("/")
        host = urlsplit(settings.endpoint).hostname if settings.endpoint else "AWS"
        self._what = f"bucket {self.url} at {host}"
        self._name = parts.netloc
        self._unusable: BucketError | None = None
        try:
            self._prompt = self._store(settings, parts.path.strip("/"), _PROMPT)
            self._patient = self._store(settings, parts.path.strip("/"), _PATIENT)
        except (BaseError, ValueError) as error:
            # Said by each call and not here: a tier that can't be used stops nothing else.
            self._unusable = self._error(Cause.REFUSED, f"can't be used: {error}", passing=True)

    def _store(self, settings: TierSettings, prefix: str, timeout: timedelta) -> S3Store:
        config: S3Config = {"region": settings.region}
        if settings.endpoint is not None:
            config["endpoint"] = settings.endpoint
        if settings.access_key is not None and settings.secret_key is not None:
            config["access_key_id"] = settings.access_key
            config["secret_access_key"] = settings.secret_key.reveal()
        return S3Store(
            self._name,
            prefix=prefix or None,
            config=config,
            client_options={
                "allow_http": (settings.endpoint or "").startswith("http://"),
                "timeout": timeout,
                "connect_timeout": _CONNECT,
            },
            retry_config={"max_retries": 1, "retry_timeout": timeout / 2},
        )

    def put(self, key: str, pieces: Iterator[bytes]) -> None:
        """Make the object of all `pieces`, or nothing: what they raise ends it and is raised."""
        with self._translated(f"can't take {key}"):
            obstore.put(self._patient, key, pieces, chunk_size=PART, max_concurrency=1)

    def read(self, key: str, offset: int, length: int) -> bytes:
        """At most `length` bytes from `offset`, at most a part at once; fewer only at the end."""
        if length <= 0:
            return b""
        store = self._prompt if length <= PART // 4 else self._patient
        with self._translated(f"can't give {key}"):
            return bytes(obstore.get_range(store, key, start=offset, length=min(length, PART)))

    def size(self, key: str) -> int | None:
        """The object's bytes; None if there is none."""
        try:
            with self._translated(f"can't say whether it has {key}"):
                return obstore.head(self._prompt, key)["size"]
        except BucketError as error:
            if error.cause is Cause.NOT_FOUND:
                return None
            raise

    def listed(self, folder: str = "") -> Iterator[Listed]:
        """All objects below a folder, in the order of their keys; a thousand in memory."""
        with self._translated("can't list what it has"):
            for batch in obstore.list(self._patient, folder or None, chunk_size=1_000):
                yield from (Listed(found["path"], found["size"]) for found in batch)

    def delete(self, key: str) -> None:
        """Take the object away; fine if there is none."""
        with self._translated(f"can't delete {key}"):
            obstore.delete(self._prompt, key)

    @contextlib.contextmanager
    def _translated(self, what: str) -> Iterator[None]:
        if self._unusable is not None:
            raise self._unusable
        try:
            yield
        except FileNotFoundError as error:
            if "NoSuchBucket" in str(error):
                detail = f"there is no bucket {self._name}; make it, or correct the tier's url"
                raise self._error(Cause.NOT_FOUND, detail, passing=True) from None
            raise self._error(Cause.NOT_FOUND, f"{what}: there is no such object") from None
        except BaseError as error:
            raise self._other(what, error) from None
        except BaseException as error:
            if type(error).__name__ != "PanicException":  # obstore's, of no module one can import
                raise
            detail = f"{what}: the client failed; look at the tier's endpoint and keys"
            raise self._error(Cause.REFUSED, detail, passing=True) from None

    def _other(self, what: str, error: BaseError) -> BucketError:
        said = str(error)
        status, code = _found(_STATUS, said), _found(_CODE, said)
        denied = isinstance(error, PermissionDeniedError | UnauthenticatedError)
        if denied or status in (" (401)", " (403)"):  # listing has no error class for it
            cause = Cause.REFUSED
            detail = f"it refuses the keys{code}; correct access_key and secret_key"
        elif "kind: Timeout" in said:
            cause, detail = Cause.SILENT, "it does not answer in time"
        elif status:
            cause, detail = Cause.DISK_FAILED, f"it answered{status}{code}"
        else:
            cause, detail = Cause.UNREACHABLE, "it can't be reached"
        return self._error(cause, f"{what}: {detail}", passing=True)

    def _error(self, cause: Cause, detail: str, *, passing: bool = False) -> BucketError:
        return BucketError(cause, f"{self._what}: {detail}", passing=passing)


def _found(pattern: re.Pattern[str], said: str) -> str:
    """` (InvalidAccessKeyId)`, or nothing: only what is a plain word or number is repeated."""
    match = pattern.search(said)
    return f" ({match[1]})" if match is not None else ""
