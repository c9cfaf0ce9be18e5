"""Addresses people type, and control attributes cameras write."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.rtsp.address import BadAddress, control_candidates, parse_address


@pytest.mark.parametrize(
    ("url", "host", "port", "uri", "user", "password"),
    [
        ("rtsp://h/x", "h", 554, "rtsp://h/x", None, None),
        ("RTSP://h:8554/x?a=b", "h", 8554, "rtsp://h:8554/x?a=b", None, None),
        ("rtsps://h", "h", 322, "rtsps://h", None, None),
        ("rtsp://u:p@h/x", "h", 554, "rtsp://h/x", "u", "p"),
        ("rtsp://u:p@ss:w!rd%25@h:99/x", "h", 99, "rtsp://h:99/x", "u", "p@ss:w!rd%"),
        ("rtsp://u:p%40s@h/x@y", "h", 554, "rtsp://h/x@y", "u", "p@s"),
        ("rtsp://u:a/b@h/x", "h", 554, "rtsp://h/x", "u", "a/b"),
        ("rtsp://u@h/x", "h", 554, "rtsp://h/x", "u", None),
        ("rtsp://[fe80::1]:554/x", "fe80::1", 554, "rtsp://[fe80::1]:554/x", None, None),
        ("rtsp://h?x=1", "h", 554, "rtsp://h?x=1", None, None),
        ("rtsp://u:a b@h/my cam", "h", 554, "rtsp://h/my%20cam", "u", "a b"),
    ],
)
def test_addresses(
    url: str, host: str, port: int, uri: str, user: str | None, password: str | None
) -> None:
    address, name, secret = parse_address(url)
    assert (address.host, address.port, address.uri) == (host, port, uri)
    assert (name, secret) == (user, password)


@pytest.mark.parametrize(
    "url", ["", "http://h/x", "h/x", "rtsp://", "rtsp:///x", "rtsp://h:99999/", "rtsp://u:geheim@"]
)
def test_bad_addresses_are_told_without_the_password(url: str) -> None:
    with pytest.raises(BadAddress) as error:
        parse_address(url)
    assert "geheim" not in str(error.value)


@given(st.text(max_size=60))
def test_any_text_is_an_address_or_bad(text: str) -> None:
    try:
        address, _, _ = parse_address("rtsp://" + text)
    except BadAddress:
        return
    assert 0 < address.port < 65_536


@pytest.mark.parametrize(
    ("base", "control", "first"),
    [
        ("rtsp://h/x", "trackID=1", "rtsp://h/x/trackID=1"),
        ("rtsp://h/x/", "trackID=1", "rtsp://h/x/trackID=1"),
        ("rtsp://h/x/", "/trackID=1", "rtsp://h/x/trackID=1"),
        ("rtsp://h/x", "*", "rtsp://h/x"),
        ("rtsp://h/x", "", "rtsp://h/x"),
        ("rtsp://h/x", "rtsp://h/x/t1", "rtsp://h/x/t1"),
        ("rtsp://h/x?a=1", "t1", "rtsp://h/x?a=1/t1"),
        ("rtsp://h/x", "?t=1", "rtsp://h/x?t=1"),
    ],
)
def test_control_attributes(base: str, control: str, first: str) -> None:
    assert control_candidates(base, control)[0] == first


def test_behind_a_query_there_is_a_second_guess() -> None:
    assert control_candidates("rtsp://h/x?a=1", "t1")[1] == "rtsp://h/x/t1?a=1"
