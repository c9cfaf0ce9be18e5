"""What is stored, looked at with other people's readers: coverage, coded bytes, ffprobe, VLC."""

from __future__ import annotations

import itertools
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.stored import coded_units
from vms.core.clock import Instant, parse_rfc3339
from vms.simulator import sei, strip
from vms.simulator.audit import AuditReport, audit_units

# Output, window and desktop are not asked. What VLC says of every fragmented file (no samples in
# the moov) and of every first frame of AAC is no complaint.
_VLC_COMPLAINT = re.compile(
    r"(demux|decoder|input|packetizer) (error|warning): "
    r"(?!no chunk defined|STTS table of 0 entries|decoded zero sample)"
)


def audited(files: Iterable[Path]) -> AuditReport:
    """The stamps of all stored pictures, counted; libav is the reader."""
    return audit_units(coded_units(files))


def changed(files: Iterable[Path]) -> list[int]:
    """Counters of pictures whose bytes are not those sent, in any other way than by lost packets.

    Where the packets with a keyframe's parameter sets were lost, the rest of it is whole and is
    kept; put back in front, they make the picture what was sent. The audit can't know that.
    """
    units = [list(nal_units([unit])) for unit in coded_units(files)]
    marks = [[mark for nal in nals if (mark := sei.parse(nal)) is not None] for nals in units]
    # Parameter sets are what stands before all else in a whole keyframe, in both codecs.
    known = {
        tuple(itertools.takewhile(lambda nal: not _is_sei(nal), nals))
        for nals, mark in zip(units, marks, strict=True)
        if len(mark) == 1 and sei.crc_of(nals) == mark[0].crc
    }
    missing = {sets[:count] for sets in known for count in range(len(sets) + 1)}
    return [
        mark[0].counter
        for nals, mark in zip(units, marks, strict=True)
        # Without a stamp its packet was lost too; the audit counts that.
        if len(mark) == 1 and all(sei.crc_of([*s, *nals]) != mark[0].crc for s in missing)
    ]


def _is_sei(nal: bytes) -> bool:
    return nal[0] & 0x1F == 6 or nal[0] >> 1 & 0x3F == 39


def untiled(segments: Sequence[dict[str, Any]], gaps: Sequence[dict[str, Any]]) -> list[str]:
    """Where the JSON of segments and gaps leaves a hole or overlaps, to the nanosecond.

    Written anew on purpose: the product's own check could share a mistake with what it checks.
    """
    spans: list[tuple[int, int, str]] = []
    for fact, name in [(s, "segment") for s in segments] + [(g, g["cause"]) for g in gaps]:
        start = parse_rfc3339(fact["start"])
        end = parse_rfc3339(fact["end"])
        if fact.get("open"):
            assert fact is gaps[-1], f"only the last gap may last: {fact}"
            end = Instant(2**62)
        if end <= start:
            return [f"{name} from {fact['start']} to {fact['end']} has no length"]
        spans.append((start, end, name))
    spans.sort()
    return [
        f"{first[2]} ends {(second[0] - first[1]) / 1e9:+.3f} s before {second[2]} at {second[0]}"
        for first, second in itertools.pairwise(spans)
        if first[1] != second[0]
    ]


def probe_warnings(file: Path) -> str:
    """What ffprobe has to complain about; empty when nothing."""
    command = ["ffprobe", "-v", "warning", "-show_packets", "-of", "compact", str(file)]
    return _said(command)


def decode_errors(file: Path) -> str:
    """What ffmpeg complains about while it decodes all of the file."""
    command = ["ffmpeg", "-v", "warning", "-nostdin", "-i", str(file)]
    # As the file times them: a rate guessed from the first pictures is not what is checked.
    command += ["-fps_mode", "passthrough", "-enc_time_base", "1:90000", "-f", "null", "-"]
    return _said(command)


@dataclass(frozen=True, slots=True)
class Played:
    """What VLC did with a file. `complaints`: of its demuxer, decoders and input."""

    pictures: bool
    decoders: tuple[str, ...]
    complaints: tuple[str, ...]


def played_by_vlc(file: Path) -> Played:
    """Play a file to its end, eight times as fast; VLC refuses to be root, so then as nobody."""
    root = os.geteuid() == 0
    home = Path(tempfile.mkdtemp(prefix="vlc-"))
    try:
        copy = home / file.name
        shutil.copyfile(file, copy)
        if root:
            home.chmod(0o755)
            shutil.chown(home, "nobody")
        command = ["cvlc", "-I", "dummy", "--play-and-exit", "--vout", "dummy", "--aout", "dummy"]
        done = subprocess.run(
            [*command, "--rate", "8", "-vv", str(copy)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=60,
            env={**os.environ, "HOME": str(home)},
            user="nobody" if root else None,
        )
    finally:
        shutil.rmtree(home)
    assert done.returncode == 0, done.stderr[-2000:]
    return Played(
        "Received first picture" in done.stderr,
        tuple(re.findall(r'using (?:video|audio) decoder module "(\w+)"', done.stderr)),
        tuple(line for line in done.stderr.splitlines() if _VLC_COMPLAINT.search(line)),
    )


def packet_count(file: Path, kind: str) -> int:
    command = ["ffprobe", "-v", "error", "-select_streams", f"{kind}:0", "-count_packets"]
    command += ["-show_entries", "stream=nb_read_packets", "-of", "csv=p=0", str(file)]
    return int(subprocess.run(command, capture_output=True, check=True, timeout=60).stdout)


def longest_picture(file: Path) -> float:
    """Seconds that the picture stands which stands longest."""
    command = ["ffprobe", "-v", "error", "-select_streams", "v:0"]
    command += ["-show_entries", "packet=duration_time", "-of", "csv=p=0", str(file)]
    done = subprocess.run(command, capture_output=True, check=True, text=True, timeout=60)
    return max(float(line.rstrip(",")) for line in done.stdout.split())


def nal_units(units: Iterable[bytes]) -> Iterator[bytes]:
    """NAL units of access units that have 4-byte lengths."""
    for unit in units:
        at = 0
        while at < len(unit):
            size = int.from_bytes(unit[at : at + 4], "big")
            yield unit[at + 4 : at + 4 + size]
            at += 4 + size


def strip_of_jpeg(jpeg: bytes) -> strip.StripReading | None:
    """Counter and time in a picture, decoded by OpenCV."""
    import cv2

    luma = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert luma is not None
    return strip.read(luma)


def _said(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, errors="replace")
    return done.stderr.strip() or (f"exit code {done.returncode}" if done.returncode else "")
