"""Whether a camera's words say that it locked our account or our address out.

There is no code for it in RTSP, nor in ONVIF: makers write it into a reason, each in words of
its own (`Account locked`, `ter:UserLock`, `IP is blocked`).
"""

from __future__ import annotations

import re

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_SAYS_SO = re.compile(
    r"\b(?:locked|lockout|lock out|(?:account|address|ip|login|user)s? (?:is |was |has been )?"
    r"(?:lock|blocked)"
    r"|too many (?:(?:failed|wrong|invalid|bad|log|in|login|password|authentication) ){0,3}"
    r"(?:attempts|logins|tries|failures))\b"
)


def says_locked_out(text: str) -> bool:
    """Whether `text` says so, word by word: neither a clock nor a blocked method does."""
    return bool(_SAYS_SO.search(" ".join(_WORD.findall(text)).lower()))
