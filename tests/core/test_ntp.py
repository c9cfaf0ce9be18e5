"""Where the kernel may not be asked about its clock, that is all that is lost."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

# prctl(2), seccomp(2): this process gets EPERM for adjtimex and clock_adjtime from here on.
_FORBID = """
import ctypes, struct, sys
numbers = {"x86_64": (159, 305), "aarch64": (171, 266)}[sys.argv[1]]
load, equal, give = 0x20, 0x15, 0x06
allow, refuse = 0x7FFF0000, 0x00050000 | 1
steps = [(load, 0, 0, 0), (equal, 1, 0, numbers[0]), (equal, 0, 1, numbers[1]),
         (give, 0, 0, refuse), (give, 0, 0, allow)]
code = b"".join(struct.pack("HBBI", *step) for step in steps)
memory = ctypes.create_string_buffer(code)
class Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))
program = Program(len(steps), ctypes.addressof(memory))
libc = ctypes.CDLL(None, use_errno=True)
assert libc.prctl(38, 1, 0, 0, 0) == 0
assert libc.prctl(22, 2, ctypes.byref(program), 0, 0) == 0, ctypes.get_errno()
"""


@pytest.mark.skipif(platform.machine() not in ("x86_64", "aarch64"), reason="other numbers")
def test_a_filter_that_forbids_asking_leaves_the_clock_unknown_and_the_recorder_alive() -> None:
    script = _FORBID + (
        "from recorder.worker import _ntp_state\n"
        "from vms.core.ntp import ntp_state\n"
        "try:\n    ntp_state()\n"
        "except PermissionError:\n    print('forbidden')\n"
        "print(_ntp_state())\n"
    )
    command = [sys.executable, "-c", script, platform.machine()]
    said = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert said.returncode == 0, said.stderr
    assert said.stdout.split("\n")[:2] == [
        "forbidden",
        "NtpState(synchronised=False, error=None)",
    ]
