"""Whether a package is what its manifest says, and the manifest what the institution signed.

Needs the file alone: no database, no settings, no network. Reads each byte once, front to back.
What is checked, in this order: the zip, the manifest and its signature, the signed head of the
ledger, every file's hash, and for every segment that its stored file can be put together again
and stands in the ledger. docs/evidence.md tells the same to whoever writes another verifier.
"""

from __future__ import annotations

import base64
import hashlib
import json
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from cryptography.exceptions import InvalidSignature

from storage.fmp4 import BadFile
from storage.ledger.merkle import check_consistency, check_inclusion, leaf_hash
from storage.ledger.note import BadNote, Checkpoint, Verifier, open_note, split_note
from vms.core.clock import parse_rfc3339, rfc3339
from vms.core.secret import Secret
from vms.evidence.boxes import joined
from vms.evidence.keys import known_key, public_key
from vms.evidence.manifest import (
    CHECKPOINT,
    FORMAT,
    KEY,
    MANIFEST,
    SIGNATURE,
    UNLISTED,
    VERSION,
)
from vms.evidence.unpacking import Bad, Unpacked, opened

_MANIFEST_MAX = 256 << 20
_FINDINGS_MAX = 100


@dataclass(frozen=True, slots=True)
class Verdict:
    """`good`: green. `sentence`: the whole answer; `findings`: what is wrong, each by its name;
    `notes`: what is not wrong, but must be known."""

    good: bool
    sentence: str
    findings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return {
            "good": self.good,
            "sentence": self.sentence,
            "findings": list(self.findings),
            "notes": list(self.notes),
            **self.facts,
        }


def verify_package(
    path: Path,
    password: Secret | None = None,
    key: str | None = None,
    certificates: Path | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Verdict:
    """The verdict on a file. `key`: the institution's, as `name+id+key` or the path of a PEM.

    `certificates`: PEM of the time-stamping authority's chain, to check a stamp with.
    """
    try:
        with opened(path, password) as zip_:
            checking = _Checking(zip_, progress)
            checking.manifest(key)
            checking.stamp(certificates)
            checking.names()
            checking.contents()
            return checking.verdict(path.name)
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        # Signed by whoever wrote it, so it may say anything.
        bad = Bad(f"{MANIFEST} does not have the form of a manifest: {error!r}")
        return Verdict(False, f"RED: {bad}", (str(bad),))
    except Bad as bad:
        return Verdict(False, f"RED: {bad}", (str(bad),))


class _Checking:
    """One package while it is checked."""

    def __init__(self, zip_: zipfile.ZipFile, progress: Callable[[int, int], None]) -> None:
        self._zip, self._progress = zip_, progress
        self._total = sum(info.file_size for info in zip_.infolist())
        self._done = 0
        self._facts: dict[str, Any] = {}
        self._findings: list[str] = []
        self._notes: list[str] = []
        self._proven = self._vouched = 0
        self._stamped: str | None = None

    # -- the manifest -----------------------------------------------------------------------

    def manifest(self, known: str | None) -> None:
        """Read it and check who signed it. Raises Bad: without it there is nothing to check."""
        data = self._small(MANIFEST, _MANIFEST_MAX)
        signature = self._small(SIGNATURE, 64)
        public = public_key(self._small(KEY, 10_000))
        try:
            public.verify(signature, data)
        except InvalidSignature:
            raise Bad(
                f"{MANIFEST} or {SIGNATURE} was changed, or the key is not the one in {KEY}"
            ) from None
        self._facts = _read_manifest(data)
        self._key = Verifier.parse(self._facts["ledger"]["key"])
        if public.public_bytes_raw() != self._key.public:
            raise Bad(f"the key in {KEY} is not the one {MANIFEST} names ({self._key})")
        self._foreign(known)
        self._head = self._checkpoint(self._facts["ledger"]["checkpoint"])

    def _foreign(self, known: str | None) -> None:
        if known is None:
            self._notes.append(
                f"It was not compared with a key you know. Ask the institution for its key and "
                f"give it with --key; the package says {self._key}"
            )
            return
        public = known_key(known)
        if public != self._key.public:
            raise Bad(f"it is signed with a foreign key ({self._key}), not with the one given")

    def _checkpoint(self, note: str) -> Checkpoint:
        try:
            text, _ = open_note(note, [self._key])
            return Checkpoint.parse(text)
        except BadNote as error:
            raise Bad(f"the ledger's head is not signed with the package's key: {error}") from None

    def stamp(self, certificates: Path | None) -> None:
        """That the authority's word is about a head that the signed one only added to."""
        told = self._facts["ledger"]["stamp"]
        if told is None:
            return
        from storage.ledger.stamps import BadStamp, check_stamp

        try:
            old = Checkpoint.parse(split_note(told["note"])[0])
            answer = base64.b64decode(told["answer"])
            at = rfc3339(check_stamp(answer, told["note"].encode(), certificates), digits=0)
        except (BadStamp, BadNote) as error:
            self._finding(f"the stamp is not right: {error}")
            return
        except OSError as error:
            raise Bad(f"--certificates {certificates}: it can't be read: {error}") from None
        path = [base64.b64decode(step) for step in told["path"]]
        if not check_consistency(old.size, self._head.size, path, old.root, self._head.root):
            self._finding(
                "the stamped head of the ledger is not one that the signed head grew from"
            )
        self._stamped = at
        if certificates is None:
            self._notes.append(
                f"The stamp of {at} was not compared with its authority's certificates; give them "
                "with --certificates"
            )

    # -- the files --------------------------------------------------------------------------

    def names(self) -> None:
        """Every file is listed, every listed file is there, none twice."""
        there = [info.filename for info in self._zip.infolist()]
        listed = {file["name"] for file in self._facts["files"]}
        for name in sorted(listed - set(there)):
            self._finding(f"{name} is missing")
        for name in there:
            if name not in listed | UNLISTED:
                self._finding(f"{name} was added: the manifest does not list it")
            if there.count(name) > 1:
                self._finding(f"{name} is there twice")

    def contents(self) -> None:
        """Every byte: clips with their segments, then all else."""
        files = {file["name"]: file for file in self._facts["files"]}
        there = set(self._zip.namelist())
        name = self._facts["stream"]
        clips = [
            (f"{camera['id']}/{name}", clip)
            for camera in self._facts["cameras"]
            for clip in camera["clips"]
        ]
        read: set[str] = set()
        for stream, clip in clips:
            if {clip["file"], clip["shell"]} <= files.keys() & there:
                self._clip(stream, clip, files)
                read |= {clip["file"], clip["shell"]}
            else:
                self._finding(f"{clip['file']}: it or its shell is missing")
        for name, file in files.items():
            if name in there and name not in read:
                with self._member(name) as member:
                    member.rest()
                    self._compare(member, file)
        head = self._facts["ledger"]["checkpoint"].encode()
        if CHECKPOINT in there and self._small(CHECKPOINT, 100_000) != head:
            self._finding(f"{CHECKPOINT} is not the ledger's head that the manifest carries")

    def _clip(self, stream: str, clip: Mapping[str, Any], files: Mapping[str, Any]) -> None:
        with self._member(clip["file"]) as film, self._member(clip["shell"]) as shell:
            segments = clip["segments"]
            for number, segment in enumerate(segments):
                try:
                    self._segment(segment, film, shell)
                    self._ledger(stream, segment)
                except (BadFile, BadNote, KeyError, ValueError) as error:
                    self._finding(f"{clip['file']}: segment {_named(segment)}: {error}")
                if number % 64 == 0:
                    self._progress(self._done, self._total)
            if segments and sum(clip["coded"]) != sum(segments[-1]["coded"]):
                self._finding(f"{clip['file']}: not all of its samples belong to a segment")
            film.rest()
            shell.rest()
            self._compare(film, files[clip["file"]])
            self._compare(shell, files[clip["shell"]])

    def _segment(self, segment: Mapping[str, Any], film: Unpacked, shell: Unpacked) -> None:
        """The stored file put together again, or the part of it that was handed out."""
        at, size = segment["coded"]
        film.forward(at)
        end = at + size
        digest = hashlib.sha256()
        if segment["shell"] is None:
            self._vouched += 1
            for piece in film.until(end):
                digest.update(piece)
            if digest.hexdigest() != segment["coded_sha256"]:
                raise Bad("its samples are not those that were signed")
        else:
            begins, length = segment["shell"]
            shell.forward(begins)
            stops = begins + length
            for piece in joined(
                lambda n: shell.read(min(n, stops - shell.at)),
                lambda n: film.read(min(n, end - film.at)),
            ):
                digest.update(piece)
            if film.at != end:
                raise Bad("the shell does not use all of its samples")
            if digest.hexdigest() != segment["sha256"]:
                raise Bad("put together again it does not have the hash it was stored with")
            self._proven += 1

    def _ledger(self, stream: str, segment: Mapping[str, Any]) -> None:
        proof = segment["ledger"]
        if proof is None:
            said = "was still being written" if segment["sha256"] is None else "was not in it yet"
            self._note_once(
                f"the ledger does not prove segment {_named(segment)}, which {said}: only the "
                "signature vouches for it"
            )
            return
        line = proof["line"].encode()
        leaf = json.loads(line)
        for name, value in (
            ("kind", "segment"),
            ("stream", stream),
            ("sha256", segment["sha256"]),
            ("start", parse_rfc3339(segment["start"])),
            ("end", parse_rfc3339(segment["end"])),
            ("size", segment["bytes"]),
        ):
            if leaf.get(name) != value:
                raise Bad(f"its ledger entry says another {name}")
        path = [base64.b64decode(step) for step in proof["path"]]
        head = self._head
        if not check_inclusion(leaf_hash(line), proof["place"], head.size, path, head.root):
            raise Bad("its ledger entry is not under the signed head")

    def _compare(self, member: Unpacked, file: Mapping[str, Any]) -> None:
        if member.broken:
            self._finding(f"{member.name} is damaged: {member.broken}")
        elif member.at != file["bytes"]:
            self._finding(f"{member.name} has {member.at} bytes instead of {file['bytes']}")
        elif member.digest != file["sha256"]:
            self._finding(f"{member.name} was changed: its hash is not the signed one")

    # -- the answer -------------------------------------------------------------------------

    def verdict(self, name: str) -> Verdict:
        self._progress(self._total, self._total)
        facts = {
            "id": self._facts["id"],
            "key": str(self._key),
            "checkpoint": {"size": self._head.size, "root": self._head.root.hex()},
            "stamped": self._stamped,
            "cameras": [camera["id"] for camera in self._facts["cameras"]],
            "requested": self._facts["requested"],
            "segments": {"proven": self._proven, "vouched": self._vouched},
        }
        if self._findings:
            more = f" ({len(self._findings)} findings)" if len(self._findings) > 1 else ""
            sentence = f"RED: {name} is not as it was handed out: {self._findings[0]}{more}."
            return Verdict(False, sentence, tuple(self._findings), tuple(self._notes), facts)
        cameras, span = ", ".join(facts["cameras"]), self._facts["requested"]
        sentence = (
            f"GREEN: {name} is as {self._facts['system']['name']} handed it out "
            f"({cameras}, {span['start_local']} to {span['end_local']}): signed by "
            f"{self._key.name}, {self._proven} segments proven by the ledger, "
            f"{self._vouched} in part by the signature."
        )
        return Verdict(True, sentence, (), tuple(self._notes), facts)

    def _finding(self, text: str) -> None:
        if len(self._findings) < _FINDINGS_MAX and text not in self._findings:
            self._findings.append(text)

    def _note_once(self, text: str) -> None:
        if len(self._notes) < _FINDINGS_MAX:
            self._notes.append(text)

    def _small(self, name: str, limit: int) -> bytes:
        """A whole member. Raises Bad."""
        try:
            info = self._zip.getinfo(name)
        except KeyError:
            raise Bad(f"{name} is missing: this is no package, or a part was removed") from None
        if info.file_size > limit:
            raise Bad(f"{name} has {info.file_size} bytes; at most {limit} make sense")
        with self._member(name) as member:
            data = b"".join(member.pieces())
        if member.broken:
            raise Bad(f"{name} is damaged: {member.broken}")
        return data

    def _member(self, name: str) -> Unpacked:
        return Unpacked(self._zip, name, self._count)

    def _count(self, size: int) -> None:
        self._done = min(self._total, self._done + size)


def _read_manifest(data: bytes) -> dict[str, Any]:
    """Raises Bad."""
    try:
        facts = json.loads(data)
        if facts["format"] != FORMAT or facts["version"] != VERSION:
            raise Bad(
                f"{MANIFEST} is of the form {facts['format']} {facts['version']}; this program "
                f"reads {FORMAT} {VERSION}"
            )
        Verifier.parse(facts["ledger"]["key"])
    except (ValueError, KeyError, TypeError) as error:
        if isinstance(error, Bad):
            raise
        raise Bad(f"{MANIFEST} can't be read: {error!r}") from None
    return cast(dict[str, Any], facts)


def _named(segment: Mapping[str, Any]) -> str:
    return str(segment.get("start", "?"))


def findings_text(findings: Sequence[str]) -> str:
    """One line each."""
    return "".join(f"{finding}\n" for finding in findings)
