"""How well the machine's own clock is kept: the kernel's NTP state (adjtimex(2))."""

from __future__ import annotations

import ctypes
import os
from dataclasses import dataclass

from vms.core.clock import MICROSECOND, Span

_STA_UNSYNC = 0x0040
_TIME_ERROR = 5


class _Timex(ctypes.Structure):
    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_byte * 256),  # what we don't read; larger than the kernel's struct
    )


@dataclass(frozen=True, slots=True)
class NtpState:
    """`synchronised`: a time daemon keeps this clock. `error`: then the bound it gives."""

    synchronised: bool
    error: Span | None


def ntp_state() -> NtpState:
    """Ask the kernel; a system without adjtimex counts as not synchronised."""
    timex = _Timex()  # modes 0: read only
    try:
        adjtimex = ctypes.CDLL(None, use_errno=True).adjtimex
    except (OSError, AttributeError):
        return NtpState(False, None)
    state = adjtimex(ctypes.byref(timex))
    if state < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    if state == _TIME_ERROR or timex.status & _STA_UNSYNC:
        return NtpState(False, None)
    return NtpState(True, Span(timex.maxerror * MICROSECOND))
