"""A log line holds no secret, whoever writes it and however it got there."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator

import pytest
import structlog

from vms.core.log import configure_logging, get_logger
from vms.core.secret import Secret, masked

CANARY = 'kanarya"@:/1%ş'


@pytest.fixture
def out() -> Iterator[io.StringIO]:
    handlers = logging.getLogger().handlers[:]
    stream = io.StringIO()
    configure_logging("json", stream=stream)
    yield stream
    structlog.reset_defaults()
    logging.getLogger().handlers[:] = handlers


def test_secrets_are_masked_by_value_in_every_form(out: io.StringIO) -> None:
    secret = Secret(CANARY)
    log = get_logger("test")
    log.info("said", password=secret, told=f"the camera said {CANARY}!")
    logging.getLogger("library").warning("can't open %s", CANARY)
    try:
        raise RuntimeError(CANARY)
    except RuntimeError:
        log.exception("broken")
    said = out.getvalue()
    assert "kanarya" not in said
    assert said.count("***") >= 4
    assert secret.reveal() == CANARY


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("rtsp://vms:geheim@10.0.0.5/main", "rtsp://***@10.0.0.5/main"),
        ("Authorization: Bearer gzc_abcdefgh123", "Authorization: Bearer ***"),
        ("Cookie: vms_session=abc.def; a=b", "Cookie: vms_session=***; a=b"),
        ("GET /x?user=a&password=b&c=d", "GET /x?user=a&password=***&c=d"),
        ("/user=a_password=geheim_channel=1", "/user=a_password=***_channel=1"),
        ("rtsp://10.0.0.5:554/main at 12:30", "rtsp://10.0.0.5:554/main at 12:30"),
    ],
)
def test_secrets_are_masked_by_form(text: str, kept: str) -> None:
    assert masked(text) == kept


def test_short_secrets_mask_no_words() -> None:
    short = Secret("vms")
    assert masked("vms up") == "vms up"
    assert short
