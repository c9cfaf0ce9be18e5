"""TLS to cameras, whose certificates nobody vouches for.

They sign them themselves, with keys as short as they please, and firmware of 2010 speaks TLS 1.0 at
most: without proof of the peer a stronger cipher guards no better, and the best that both speak is
taken. What is left is that nobody who only listens reads along.
"""

from __future__ import annotations

import functools
import ssl

_LEGACY_SERVER_CONNECT = 0x4  # a name of `ssl` from Python 3.12 on: servers without RFC 5746


@functools.cache
def unproven(ciphers: str) -> ssl.SSLContext:
    """A client's context that checks no certificate. `ciphers`: in OpenSSL's words."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.set_ciphers(ciphers)
    context.options |= _LEGACY_SERVER_CONNECT
    return context
