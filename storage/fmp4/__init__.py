"""Fragmented MP4, written and read by ourselves (ISO/IEC 14496-12). Pure: bytes in, bytes out.

A segment's file is `ftyp moov uuid(head)`, then `moof mdat` once a second, then at its close
`uuid(tail) mfra`. The head says what the file is, the tail where its fragments stand and when it
ended: from the files alone the whole index can be rebuilt (invariant 7).
"""

from storage.fmp4.boxes import BadFile
from storage.fmp4.house import Head, Tail, TailEntry, head_box, read_head, read_tail, tail_box
from storage.fmp4.init import init_section, read_init
from storage.fmp4.moof import (
    FragmentFacts,
    TrackRun,
    build_fragment,
    fragment_parts,
    read_moof,
    samples_of,
)

__all__ = [
    "BadFile",
    "FragmentFacts",
    "Head",
    "Tail",
    "TailEntry",
    "TrackRun",
    "build_fragment",
    "fragment_parts",
    "head_box",
    "init_section",
    "read_head",
    "read_init",
    "read_moof",
    "read_tail",
    "samples_of",
    "tail_box",
]
