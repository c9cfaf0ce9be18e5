"""Signed notes against the vectors of golang.org/x/mod/sumdb/note and of C2SP."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.ledger.note import (
    BadNote,
    Checkpoint,
    Signer,
    Verifier,
    open_note,
    sign,
    split_note,
)
from vms.core.clock import Instant

# From the documentation of golang.org/x/mod/sumdb/note.
SECRET = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
TEXT = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
)
NOTE = TEXT + (
    "\n— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotp"
    "RZb6KE6RyyBwJnAM=\n"
)
# From c2sp.org/signed-note.
C2SP_KEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
C2SP_NOTE = (
    "This is an example message.\n\n— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ON"
    "ncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
)


def test_we_sign_as_go_does() -> None:
    signer = Signer.parse(SECRET)
    assert str(signer.verifier) == KEY
    assert sign(TEXT, [signer]) == NOTE
    assert signer.secret_text() == SECRET
    assert "AYEK" not in repr(signer)


@pytest.mark.parametrize(("key", "note"), [(KEY, NOTE), (C2SP_KEY, C2SP_NOTE)])
def test_we_verify_what_others_signed(key: str, note: str) -> None:
    verifier = Verifier.parse(key)
    text, by = open_note(note, [verifier])
    assert note.startswith(text)
    assert by == (verifier,)
    with pytest.raises(BadNote, match="is wrong"):
        open_note("x" + note, [verifier])


def test_another_key_is_no_proof_but_does_no_harm() -> None:
    ours, other = Signer("a", bytes(32)), Signer("b", bytes(range(32)))
    note = sign(TEXT, [ours, other])
    assert open_note(note, [other.verifier])[1] == (other.verifier,)
    assert open_note(note, [ours.verifier, other.verifier])[1] == (ours.verifier, other.verifier)
    with pytest.raises(BadNote, match="no known key"):
        open_note(note, [Verifier.parse(KEY)])


@given(st.integers(0, len(NOTE.encode()) - 1), st.integers(0, 7))
def test_no_flipped_bit_is_believed(at: int, bit: int) -> None:
    data = bytearray(NOTE.encode())
    data[at] ^= 1 << bit
    with pytest.raises(BadNote):
        open_note(data.decode("utf-8", "replace"), [Verifier.parse(KEY)])


@pytest.mark.parametrize("text", ["no newline", "a\n\nb\n"])
def test_a_text_that_can_be_no_note_is_not_signed(text: str) -> None:
    with pytest.raises(BadNote):
        sign(text, [Signer("a", bytes(32))])


@pytest.mark.parametrize(
    "note",
    [
        "",
        "a\n",
        "a\n\nb\n",
        "a\n\n— b\n",
        "a\n\n— b !!!\n",
        "a\x01\n\n— b AAAAAAAA\n",
        "x" * 20_000,
    ],
)
def test_what_is_no_note_says_so(note: str) -> None:
    with pytest.raises(BadNote):
        split_note(note)


@pytest.mark.parametrize(
    "key", ["", "a", "a+b+c", "a b+c74f20a3+AAAA", KEY.replace("c7", "c8"), KEY[:-8], SECRET]
)
def test_what_is_no_key_says_so(key: str) -> None:
    with pytest.raises(BadNote):
        Verifier.parse(key)


def test_a_private_key_is_never_quoted() -> None:
    for text in (SECRET[:-4], SECRET.replace("c7", "c8"), "x" + SECRET):
        with pytest.raises(BadNote) as told:
            Signer.parse(text)
        assert "AYEK" not in str(told.value)


@given(
    st.integers(0, 10**18 - 1),
    st.binary(min_size=32, max_size=32),
    st.none() | st.integers(0, 2**62).map(lambda ms: Instant(ms // 10**6 * 10**6)),
)
def test_a_checkpoint_comes_back_from_its_text(size: int, root: bytes, at: Instant | None) -> None:
    head = Checkpoint("gozcu/0123", size, root, at)
    assert Checkpoint.parse(head.text()) == head


def test_other_logs_checkpoints_are_read() -> None:
    text = "example.com/log\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    assert Checkpoint.parse(text).size == 20_852_163
    assert Checkpoint.parse(text + "an extension\n").at is None


@pytest.mark.parametrize(
    "text",
    ["", "a\n1\n", "a\n01\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n", "a\n1\nCsUY\n"],
)
def test_what_is_no_checkpoint_says_so(text: str) -> None:
    with pytest.raises(BadNote):
        Checkpoint.parse(text)
