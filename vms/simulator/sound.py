"""The sound of a simulated street: traffic, and a soft bell each second. A loop, coded once."""

from __future__ import annotations

import asyncio
import functools

import numpy as np
import numpy.typing as npt

from vms.core.clock import SECOND
from vms.simulator import packets, rtsp
from vms.simulator.encoder import CodedSound, encode_sound
from vms.simulator.stream import Medium, Stream

_RATES = {"aac": 16_000, "pcma": 8_000, "pcmu": 8_000}
_LOOP_SAMPLES = 128 * 1024  # whole AAC frames; 8.192 s at 16 kHz


@functools.cache
def street_sound(codec: str) -> CodedSound:
    """The coded loop of a codec."""
    rate = _RATES[codec]
    samples = _LOOP_SAMPLES if codec == "aac" else 8 * rate
    return encode_sound(codec, _street(samples, rate), rate)


def _street(samples: int, rate: int) -> npt.NDArray[np.int16]:
    rng = np.random.default_rng(5)
    spectrum = np.fft.rfft(rng.standard_normal(samples))
    hertz = np.fft.rfftfreq(samples, 1 / rate)
    noise = np.fft.irfft(spectrum / (1 + (hertz / 180) ** 2), samples)
    noise *= 900 / np.abs(noise).std()
    time = np.arange(samples) / rate
    swell = 0.7 + 0.3 * np.sin(2 * np.pi * time * rate / samples * 2)
    since = time % 1.0
    bell = 2600 * np.sin(2 * np.pi * 880 * since) * np.exp(-since * 9)
    pcm: npt.NDArray[np.int16] = np.clip(noise * swell + bell, -32_768, 32_767).astype(np.int16)
    return pcm


def sound_medium(codec: str) -> Medium:
    sound = street_sound(codec)
    return rtsp.audio_medium(codec, sound.rate, 1, sound.config)


async def run_sound(stream: Stream, track: int, codec: str) -> None:
    """Publish the loop in step with the camera's clock until cancelled."""
    sound = street_sound(codec)
    start, number = stream.clock.monotonic(), 0
    while True:
        at = start + number * sound.samples * SECOND // sound.rate
        ends = at + sound.samples * SECOND // sound.rate  # a frame leaves when it is whole
        await asyncio.sleep(max(0, ends - stream.clock.monotonic()) / SECOND)
        if stream.clock.monotonic() - ends > SECOND:  # the machine slept: go on from now
            start, number = stream.clock.monotonic(), 0
            continue
        frame = sound.frames[number % len(sound.frames)]
        payload = packets.aac_payload(frame) if codec == "aac" else frame
        stream.publish(track, [payload], at)
        number += 1
