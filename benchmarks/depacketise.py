"""CPU of the native source per camera: socket to access units, 1080p25 at 4 Mbit/s.

Promise: at most 0.08 % of a core for each camera when swept every 200 ms. The stream is synthetic
(one keyframe a second, packets of 1,400 bytes, as cameras cut them) and comes over loopback TCP
from another process; time is not waited for: each sweep finds 200 ms of stream in the kernel, as
a real one does. The peer in the same run is the same stream taken packet by packet.

    python -m benchmarks.depacketise [--seconds 60] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import platform
import random
import resource
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from recorder.rtp.demux import Demuxer, TrackSetup
from recorder.rtp.nal import H264
from recorder.rtp.parameters import ParameterSets
from recorder.source import Element, SourceStats
from vms.core.clock import SECOND, Mono
from vms.core.media import AccessUnit

RATE, BITS, MTU = 25, 4_000_000, 1_400
SWEEPS = 5  # a second
SPS = bytes.fromhex("6764001facd9405005bb011000000300100000030320f1831960")
PPS = bytes.fromhex("68ebecb22c")
PROMISE = 0.08


def pictures(seconds: int, rng: random.Random) -> Iterator[list[bytes]]:
    """NAL units of each picture; the keyframe is eight times a difference picture."""
    small = BITS // 8 // (RATE - 1 + 8)
    for number in range(seconds * RATE):
        if number % RATE == 0:
            yield [SPS, PPS, b"\x65\x88" + rng.randbytes(8 * small)]
        else:
            yield [b"\x41\x9a" + rng.randbytes(int(small * rng.uniform(0.7, 1.3)))]


def frames(seconds: int) -> Iterator[bytes]:
    """The interleaved frames of each picture, joined."""
    rng, sequence = random.Random(1), 0
    for number, nals in enumerate(pictures(seconds, rng)):
        payloads: list[bytes] = []
        for nal in nals:
            if len(nal) <= MTU:
                payloads.append(nal)
                continue
            parts = [nal[at : at + MTU - 2] for at in range(1, len(nal), MTU - 2)]
            for index, part in enumerate(parts):
                flags = (index == 0) << 7 | (index == len(parts) - 1) << 6
                payloads.append(bytes((nal[0] & 0xE0 | 28, flags | nal[0] & 0x1F)) + part)
        out = bytearray()
        for index, payload in enumerate(payloads):
            marker = 0x80 if index == len(payloads) - 1 else 0
            out += struct.pack(">BBH", 0x24, 0, len(payload) + 12)
            out += struct.pack(">BBHII", 0x80, marker | 96, sequence, number * 3_600, 7)
            out += payload
            sequence = (sequence + 1) & 0xFFFF
        yield bytes(out)


def batches(seconds: int) -> list[bytes]:
    """What each sweep finds."""
    size = RATE // SWEEPS
    everything = list(frames(seconds))
    return [b"".join(everything[at : at + size]) for at in range(0, len(everything), size)]


def feeder(port: int, seconds: int) -> None:
    """The other end: sends one sweep's worth whenever it gets a byte."""
    with socket.create_connection(("127.0.0.1", port)) as sock:
        for batch in batches(seconds):
            if not sock.recv(1):
                return
            sock.sendall(batch)
        sock.recv(1)


def demuxer(stats: SourceStats) -> Demuxer:
    return Demuxer(H264, TrackSetup(0, 1, 96, 90_000), ParameterSets(H264), stats)


def cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def over_socket(seconds: int) -> tuple[float, float, int]:
    """CPU seconds of reading and parsing, of reading alone within it, and pictures."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        child = subprocess.Popen([sys.executable, "-m", "benchmarks.depacketise",
                                  "--feed", str(port), "--seconds", str(seconds)])  # fmt: skip
        sock, _ = server.accept()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    stats = SourceStats()
    demux, out, tail = demuxer(stats), list[Element](), b""
    scratch = bytearray(2 << 20)
    view = memoryview(scratch)
    sizes = [len(batch) for batch in batches(seconds)]
    spent = reading = pictures = 0.0
    with sock:
        for number, size in enumerate(sizes):
            sock.send(b"n")
            while len(sock.recv(size, socket.MSG_PEEK | socket.MSG_WAITALL)) < size:
                pass
            begin = cpu_clock()
            view[: len(tail)] = tail
            end = len(tail) + sock.recv_into(view[len(tail) :])
            middle = cpu_clock()
            done = demux.feed(scratch, end, Mono(number * SECOND // SWEEPS), out)
            tail = bytes(view[done:end])
            spent += cpu_clock() - begin
            reading += middle - begin
            pictures += sum(isinstance(element, AccessUnit) for element in out)
            out.clear()
        sock.send(b"n")
    child.wait(10)
    assert not stats.lost, stats
    return spent, reading, int(pictures)


def in_memory(seconds: int, *, one_by_one: bool) -> float:
    """CPU seconds of parsing; packet by packet when told (the run is not taken)."""
    stats, spent = SourceStats(), 0.0
    demux, out = demuxer(stats), list[Element]()
    if one_by_one:
        demux._video.take_run = lambda *_: 0  # type: ignore[method-assign]
    for number, batch in enumerate(batches(seconds)):
        buffer = bytearray(batch)
        begin = cpu_clock()
        demux.feed(buffer, len(buffer), Mono(number * SECOND // SWEEPS), out)
        spent += cpu_clock() - begin
        out.clear()
    return spent


def cpu_clock() -> float:
    return time.clock_gettime(time.CLOCK_PROCESS_CPUTIME_ID)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--feed", type=int)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    if arguments.feed:
        feeder(arguments.feed, arguments.seconds)
        return
    seconds = arguments.seconds
    socket_cpu, reading, pictures_seen = over_socket(seconds)
    rows = {
        "socket to access units": socket_cpu,
        "… of which the kernel's copy": reading,
        "parsing alone, in runs": in_memory(seconds, one_by_one=False),
        "parsing alone, packet by packet": in_memory(seconds, one_by_one=True),
    }
    for name, spent in rows.items():
        print(f"{name:34} {100 * spent / seconds:7.4f} % of a core per camera")
    percent = 100 * socket_cpu / seconds
    print(
        f"{pictures_seen} pictures; promise {PROMISE} %:",
        "kept" if percent <= PROMISE else "BROKEN",
    )
    if arguments.json:
        facts = {name: 100 * spent / seconds for name, spent in rows.items()}
        line = json.dumps({"benchmark": "depacketise", "machine": platform.machine(), **facts})
        with arguments.json.open("a") as file:
            file.write(line + "\n")


if __name__ == "__main__":
    main()
