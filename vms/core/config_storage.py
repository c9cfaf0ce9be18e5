"""Settings of what keeps and proves footage: volumes, tiers, retention, ledger, custody."""

from __future__ import annotations

import re
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from vms.core.clock import SECOND
from vms.core.config_values import Folder, Nanoseconds, SecretText, Section, Size, within


def _endpoint(value: str) -> str:
    try:
        parts = urlsplit(value)
        good = re.fullmatch(r"[0-9A-Za-z.:-]+", parts.hostname or "") and parts.port != 0
    except ValueError:
        good = False
    if not good or parts.scheme not in ("http", "https") or parts.query or parts.fragment:
        raise ValueError("must be an address such as https://minio.example.org:9000")
    if parts.username is not None:
        raise ValueError("has a user or a password in it; use access_key and secret_key")
    return value.rstrip("/")


def _without_blanks(value: object) -> object:
    return value.replace(" ", "") if isinstance(value, str) else value


class VolumeSettings(Section):
    """`[[volumes]]`. `reserve`: bytes always left free; `quota`: bytes used at most."""

    path: Folder
    reserve: Size = 10_000_000_000
    quota: Size | None = None
    durability: Annotated[Literal["1s", "process"], BeforeValidator(_without_blanks)] = "1s"


class RetentionRule(Section):
    """`[[retention]]`. `cameras`: ids, globs or group:NAME; the last rule that matches wins.

    `keep`: older footage goes (None: not by age). `quota`: bytes of each camera, `quota_all`:
    bytes of all the rule's cameras together; what is over goes, the oldest first. `minimum`: what
    is younger goes for no quota, and for a full disk only when nothing else is left.
    """

    name: Annotated[str, Field(min_length=1, max_length=100)]
    keep: Annotated[Nanoseconds, within("1 min", "36500 d")] | None = None
    quota: Size | None = None
    quota_all: Size | None = None
    minimum: Annotated[Nanoseconds, within("0 s", "3650 d")] = 0
    # Bounded, because each change of a rule is one line of the ledger.
    cameras: Annotated[
        tuple[Annotated[str, Field(min_length=1, max_length=100)], ...], Field(max_length=400)
    ] = ("*",)
    reason: Annotated[str, Field(max_length=500)] = ""

    @model_validator(mode="after")
    def _agree(self) -> RetentionRule:
        if self.keep is not None and self.minimum > self.keep:
            raise ValueError("minimum is longer than keep; nothing could ever be deleted by it")
        if self.quota == 0 or self.quota_all == 0:
            raise ValueError(
                "a quota of 0 would delete everything; leave it out, or give it a size such as "
                "'500 GB'"
            )
        if not self.cameras:
            raise ValueError('cameras is empty: the rule is for nobody; ["*"] means all')
        return self


class TierSettings(Section):
    """`[[tiers]]`: an S3-compatible bucket that segments older than `after` move to.

    `url`: s3://BUCKET or s3://BUCKET/PREFIX; `endpoint`: where the service answers, None for
    AWS. `cameras`: whose footage moves: ids, globs or group:NAME. `scrub`: whether it is read
    again with everything else, where a service may charge for reading.
    """

    name: Annotated[str, Field(min_length=1, max_length=100)]
    url: Annotated[str, Field(pattern=r"^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/\S*)?$")]
    endpoint: Annotated[str, AfterValidator(_endpoint)] | None = None
    region: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,64}$")] = "us-east-1"
    access_key: Annotated[str, Field(pattern=r"^[!-~]{1,256}$")] | None = None
    secret_key: SecretText | None = None
    after: Annotated[Nanoseconds, within("1 min", "36500 d")]
    cameras: tuple[str, ...] = ("*",)
    scrub: bool = True

    @model_validator(mode="after")
    def _agree(self) -> TierSettings:
        if (self.access_key is None) != (self.secret_key is None):
            raise ValueError("access_key and secret_key belong together: give both, or neither")
        return self


class LedgerSettings(Section):
    """`[ledger]`. `authority`: an RFC 3161 time-stamping service that stamps checkpoints.

    `certificates`: PEM of the authority's chain, to verify its stamps with.
    """

    authority: Annotated[str, Field(pattern=r"^https?://\S+$")] | None = None
    certificates: Folder | None = None
    every: Annotated[Nanoseconds, within("1 min", "30 d")] = 3600 * SECOND


class CustodySettings(Section):
    """`[custody]`. `scrub`: everything stored is read again once in this time; 0: never.

    `cache`: bytes of segments fetched from buckets that are kept in the data folder at most.
    """

    scrub: Annotated[Nanoseconds, within("0 s", "3650 d")] = 30 * 86_400 * SECOND
    cache: Size = 2_000_000_000
