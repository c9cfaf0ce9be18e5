"""HLS playlists over the stored files, for other software (RFC 8216). Pure.

Files of one run are one piece whose times go on (the server moves them, see
`web.playback.retime`). A gap or another format is a discontinuity; another format brings its own
EXT-X-MAP, for one that is only repeated makes ffmpeg complain. The wall clock stands in
EXT-X-PROGRAM-DATE-TIME. A media segment is what lies between two keyframes, as a byte range.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from storage.facts import FragmentEntry, FragmentIndex
from vms.core.clock import SECOND, Instant, rfc3339
from vms.core.media import StreamFormat


@dataclass(frozen=True, slots=True)
class PlaylistFile:
    """One stored file: where it is fetched, what it spans, its parts and how it is coded."""

    url: str
    start: Instant
    end: Instant
    index: FragmentIndex
    format: StreamFormat


@dataclass(frozen=True, slots=True)
class Group:
    """One media segment: from a keyframe to the next."""

    start: Instant
    end: Instant
    offset: int
    size: int


def groups_of(fragments: Sequence[FragmentEntry], end: Instant) -> list[Group]:
    """Join fragments from keyframe to keyframe; what comes before the first one is left out."""
    groups: list[Group] = []
    for number, fragment in enumerate(fragments):
        until = fragments[number + 1].start if number + 1 < len(fragments) else end
        if fragment.key:
            groups.append(Group(fragment.start, until, fragment.offset, fragment.size))
        elif groups:
            last = groups[-1]
            size = fragment.offset + fragment.size - last.offset
            groups[-1] = Group(last.start, until, last.offset, size)
    return groups


def playlist(files: Iterable[PlaylistFile], start: Instant, end: Instant) -> str:
    """The playlist of [start, end): it begins with the keyframe at or before `start`."""
    chosen = [
        (file, kept)
        for file in files
        if (kept := [g for g in groups_of(file.index.fragments, file.end) if _meets(g, start, end)])
    ]
    longest = max((g.end - g.start for _, kept in chosen for g in kept), default=SECOND)
    lines = [
        "#EXTM3U",
        "#EXT-X-VERSION:7",  # EXT-X-MAP outside I-frame playlists needs 6 (§7); 7 is custom
        f"#EXT-X-TARGETDURATION:{max(1, -(-longest // SECOND))}",
        "#EXT-X-PLAYLIST-TYPE:VOD",
        "#EXT-X-INDEPENDENT-SEGMENTS",
        "#EXT-X-MEDIA-SEQUENCE:0",
    ]
    before: PlaylistFile | None = None
    for file, kept in chosen:
        if before is not None and (file.start, file.format) != (before.end, before.format):
            lines.append("#EXT-X-DISCONTINUITY")
        if before is None or file.format != before.format:
            lines.append(f'#EXT-X-MAP:URI="{file.url}",BYTERANGE="{file.index.init_length}@0"')
        lines.append(f"#EXT-X-PROGRAM-DATE-TIME:{rfc3339(kept[0].start)}")
        for group in kept:
            micros = (group.end - group.start) // 1_000
            lines.append(f"#EXTINF:{micros // 1_000_000}.{micros % 1_000_000:06d},")
            lines.append(f"#EXT-X-BYTERANGE:{group.size}@{group.offset}")
            lines.append(file.url)
        before = file
    lines.append("#EXT-X-ENDLIST")
    return "\n".join(lines) + "\n"


def _meets(group: Group, start: Instant, end: Instant) -> bool:
    return group.start < end and group.end > start
