"""Sign-in against the RFCs' own examples and cameras' odd challenges."""

import hashlib
import random
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.rtsp.auth import Authenticator, parse_challenges, strongest


class FixedCnonce(random.Random):
    def getrandbits(self, k: int) -> int:
        return 0x0A4F113B


def signed(value: str, user: str = "u", password: str = "p", method: str = "DESCRIBE") -> str:
    auth = Authenticator(user, password, random.Random(1))
    assert auth.accept([value]) is not None
    return auth.header(method, "rtsp://h/x") or ""


def fields(header: str) -> dict[str, str]:
    return {k: q or p for k, q, p in re.findall(r'(\w+)=(?:"([^"]*)"|([^\s,]+))', header)}


def md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()


def test_basic() -> None:
    value = signed('Basic realm="c"', "Aladdin", "open sesame")
    assert value == "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="


def test_digest_without_qop_is_rfc_2069() -> None:
    got = fields(signed('Digest realm="r", nonce="n"'))
    assert got["response"] == md5(f"{md5('u:r:p')}:n:{md5('DESCRIBE:rtsp://h/x')}")
    assert "qop" not in got
    assert "algorithm" not in got


@pytest.mark.parametrize("name", ["MD5", "SHA-256", "MD5-sess", "SHA-256-sess", "md5"])
def test_digest_with_qop(name: str) -> None:
    got = fields(signed(f'Digest realm="r", nonce="n", qop="auth,auth-int", algorithm={name}'))
    hashed = hashlib.sha256 if "SHA" in name else hashlib.md5

    def h(text: str) -> str:
        return hashed(text.encode()).hexdigest()

    secret = h("u:r:p")
    if name.endswith("-sess"):
        secret = h(f"{secret}:n:{got['cnonce']}")
    asked = h("DESCRIBE:rtsp://h/x")
    assert got["response"] == h(f"{secret}:n:00000001:{got['cnonce']}:auth:{asked}")
    assert (got["algorithm"], got["qop"], got["nc"]) == (name, "auth", "00000001")


def test_the_example_of_rfc_7616() -> None:
    password = "Circle of Life"
    value = (
        'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=SHA-256, '
        'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", '
        'opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
    )
    auth = Authenticator("Mufasa", password, FixedCnonce())
    auth.accept([value])
    got = fields(auth.header("GET", "/dir/index.html") or "")
    expect = hashlib.sha256
    secret = expect(f"Mufasa:http-auth@example.org:{password}".encode()).hexdigest()
    asked = expect(b"GET:/dir/index.html").hexdigest()
    nonce = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"
    joined = f"{secret}:{nonce}:00000001:000000000a4f113b:auth:{asked}"
    assert got["response"] == expect(joined.encode()).hexdigest()
    assert got["opaque"] == "FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"


def test_the_count_rises_and_starts_again_with_a_new_nonce() -> None:
    auth = Authenticator("u", "p", random.Random(1))
    auth.accept(['Digest realm="r", nonce="n", qop="auth"'])
    assert [fields(auth.header("PLAY", "u") or "")["nc"] for _ in range(3)][-1] == "00000003"
    auth.accept(['Digest realm="r", nonce="m", qop="auth", stale=TRUE'])
    assert fields(auth.header("PLAY", "u") or "")["nc"] == "00000001"


@pytest.mark.parametrize(
    ("values", "scheme", "algorithm"),
    [
        (['Basic realm="c"', 'Digest realm="c", nonce="1"'], "digest", "md5"),
        (['Digest realm="c", nonce="1"', 'Basic realm="c"'], "digest", "md5"),
        (['Digest realm="c",nonce="1",algorithm="MD5", Basic realm="c"'], "digest", "md5"),
        (
            ['Digest realm="c", nonce="1", algorithm=MD5', 'Digest nonce="2", algorithm=SHA-256'],
            "digest",
            "sha-256",
        ),
        (['Digest algorithm=SHA-512-256, nonce="1"', 'Digest nonce="2"'], "digest", "md5"),
        (['Digest realm="c"', "Basic"], "basic", "md5"),
        (['Digest algorithm=XYZ, nonce="1"', "Basic"], "digest", "xyz"),
        (["Basic"], "basic", "md5"),
    ],
)
def test_the_strongest_challenge_is_answered(
    values: list[str], scheme: str, algorithm: str
) -> None:
    chosen = strongest(parse_challenges(values))
    assert chosen is not None
    assert (chosen.scheme, chosen.algorithm) == (scheme, algorithm)


def test_nothing_we_understand() -> None:
    auth = Authenticator("u", "p", random.Random(1))
    assert auth.accept(['Negotiate abc=="']) is None
    assert auth.accept([]) is None
    assert auth.header("PLAY", "u") is None


@given(st.text(max_size=200))
def test_any_challenge_is_survived(text: str) -> None:
    auth = Authenticator("üser", 'p@ss:w"ö/%', random.Random(1))
    for value in (text, f"Digest {text}", f'Digest nonce="{text}", realm={text}'):
        if auth.accept([value]) is not None:
            assert auth.header("PLAY", "rtsp://h")


@pytest.mark.parametrize("run", [" " * 15_000, "\t," * 7_500, "A" * 15_000, 'x="' * 5_000])
def test_a_long_header_is_read_at_once(run: str) -> None:
    began = time.process_time()
    parse_challenges([f'Digest realm="c",{run}nonce="n",{run}', run])
    assert time.process_time() - began < 1
