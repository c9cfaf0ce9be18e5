"""The port over a bucket, against moto's server."""

from __future__ import annotations

import contextlib
import hashlib
import socket
import time
from collections.abc import Iterator

import pytest

from storage.tiers import s3
from storage.tiers.bucket import PART, BucketError, Listed, digest_of, pieces_of
from storage.tiers.s3 import S3Bucket
from tests.storage.bucket_server import NAME, SECRET, BucketServer, bucket_server
from tests.storage.memory_bucket import MemoryBucket
from vms.core.model import Cause

KEY = "gate-north/main/2026-11-22/11/2026-11-22T11-32-07.123456789Z.mp4"
FOOTAGE = b"".join(hashlib.sha256(bytes([n % 251])).digest() for n in range(PART // 32 * 2 + 99))


@pytest.fixture(scope="module")
def server() -> Iterator[BucketServer]:
    with bucket_server() as running:
        yield running


def _pieces(data: bytes) -> Iterator[bytes]:
    for start in range(0, len(data), 1 << 20):
        yield data[start : start + (1 << 20)]


@pytest.mark.parametrize("kind", ["S3", "memory"])
def test_what_was_put_is_read_listed_and_deleted(server: BucketServer, kind: str) -> None:
    bucket = server.bucket("/site/one") if kind == "S3" else MemoryBucket()
    bucket.put(KEY, _pieces(FOOTAGE))
    assert bucket.size(KEY) == len(FOOTAGE)
    assert bucket.read(KEY, 3, 5) == FOOTAGE[3:8]
    assert bucket.read(KEY, len(FOOTAGE) - 4, 100) == FOOTAGE[-4:]
    assert b"".join(pieces_of(bucket, KEY, len(FOOTAGE))) == FOOTAGE
    assert digest_of(bucket, KEY, len(FOOTAGE)) == hashlib.sha256(FOOTAGE).digest()
    assert list(bucket.listed()) == [Listed(KEY, len(FOOTAGE))]
    assert list(bucket.listed("gate-north")) == [Listed(KEY, len(FOOTAGE))]
    assert list(bucket.listed("gate")) == []
    if kind == "S3":
        assert list(server.bucket().listed("site")) == [Listed(f"site/one/{KEY}", len(FOOTAGE))]
    bucket.delete(KEY)
    bucket.delete(KEY)
    assert bucket.size(KEY) is None
    with pytest.raises(BucketError, match="no such object") as caught:
        bucket.read(KEY, 0, 10)
    assert caught.value.cause is Cause.NOT_FOUND
    assert not caught.value.passing


@pytest.mark.parametrize("kind", ["S3", "memory"])
def test_a_piece_that_fails_leaves_no_object(server: BucketServer, kind: str) -> None:
    def torn() -> Iterator[bytes]:
        yield FOOTAGE[:PART]
        yield FOOTAGE[PART : PART + 10]
        raise ValueError("the disk says no")

    bucket = server.bucket("/torn") if kind == "S3" else MemoryBucket()
    with pytest.raises(ValueError, match="the disk says no"):
        bucket.put(KEY, torn())
    assert bucket.size(KEY) is None


def test_reading_holds_one_part_at_most(server: BucketServer) -> None:
    bucket = server.bucket("/parts")
    bucket.put(KEY, _pieces(FOOTAGE))
    assert max(len(piece) for piece in pieces_of(bucket, KEY, len(FOOTAGE))) == PART
    assert len(bucket.read(KEY, 0, 10 * PART)) == PART


def test_no_such_bucket_says_so(server: BucketServer) -> None:
    bucket = S3Bucket(server.settings(url="s3://yok-boyle"))
    for call in (lambda: bucket.read("a", 0, 1), lambda: bucket.put("a", iter([b"x"]))):
        with pytest.raises(BucketError, match="there is no bucket yok-boyle; make it") as caught:
            call()
        assert caught.value.cause is Cause.NOT_FOUND


def test_wrong_keys_are_named_and_never_shown(server: BucketServer) -> None:
    server.call("POST", "/moto-api/reset-auth", b"0")  # from now on keys are looked at
    try:
        bucket = server.bucket()
        for call in (
            lambda: bucket.read("a", 0, 1),
            lambda: bucket.put("a", iter([b"x"])),
            lambda: bucket.size("a"),
            lambda: list(bucket.listed()),
            lambda: bucket.delete("a"),
        ):
            with pytest.raises(BucketError, match="refuses the keys") as caught:
                call()
            assert caught.value.cause is Cause.REFUSED
            assert SECRET not in str(caught.value)
            assert "\n" not in str(caught.value)
            assert f"s3://{NAME}" in str(caught.value)
    finally:
        server.call("POST", "/moto-api/reset-auth", b"inf")


def test_a_server_that_is_gone_and_comes_back(server: BucketServer) -> None:
    bucket = server.bucket("/back")
    bucket.put(KEY, iter([b"footage"]))
    server.stop()
    try:
        for call in (lambda: bucket.read(KEY, 0, 7), lambda: bucket.put("b", iter([b"x"]))):
            with pytest.raises(BucketError, match="can't be reached") as caught:
                call()
            assert caught.value.cause is Cause.UNREACHABLE
            assert caught.value.passing
            assert SECRET not in str(caught.value)
    finally:
        server.start()
    assert bucket.read(KEY, 0, 7) == b"footage"


def test_a_server_that_never_answers_is_left_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3, "_PROMPT", s3.timedelta(seconds=1))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings = BucketServer(None, silent.getsockname()[1]).settings()  # type: ignore[arg-type]
        began = time.monotonic()
        with pytest.raises(BucketError, match="does not answer in time") as caught:
            S3Bucket(settings).size(KEY)
        assert time.monotonic() - began < 5
    assert caught.value.cause is Cause.SILENT


def test_a_tier_with_half_a_key_is_refused(server: BucketServer) -> None:
    with pytest.raises(ValueError, match="access_key and secret_key"):
        server.settings(secret_key=None)
    with pytest.raises(ValueError, match="user or a password"):
        server.settings(endpoint="http://user:secret@10.0.0.9:9000")


@pytest.mark.parametrize(
    "endpoint",
    [
        "10.0.0.9:9000",
        "ftp://x",
        "http://[bad",
        "http://x:99999",
        "https://",
        "http://a b",
        "http://x:0",
    ],
)
def test_an_endpoint_that_is_no_address_is_refused(server: BucketServer, endpoint: str) -> None:
    with pytest.raises(ValueError, match="must be an address such as"):
        server.settings(endpoint=endpoint)


def test_keys_no_request_can_carry_are_refused_in_a_sentence(server: BucketServer) -> None:
    with pytest.raises(ValueError):
        server.settings(access_key="two\nlines")
    bucket = S3Bucket(server.settings(secret_key="two\nlines"))
    with contextlib.suppress(BucketError):  # moto looks at no signature here
        bucket.size(KEY)


def test_a_client_that_can_not_be_made_says_so_when_asked(
    server: BucketServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*given: object, **named: object) -> None:
        raise ValueError("no such region")

    monkeypatch.setattr(s3, "S3Store", fail)
    bucket = server.bucket()
    with pytest.raises(BucketError, match="can't be used: no such region"):
        bucket.size(KEY)
