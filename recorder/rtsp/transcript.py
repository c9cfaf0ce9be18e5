"""An RTSP conversation written down for people, with nothing secret in it. Pure.

Of a sign-in only its kind is kept: what answers a challenge lets whoever reads it try passwords.
A password that stands in an address, or that a camera echoes, becomes `***`.
"""

from __future__ import annotations

import base64
import re
from urllib.parse import quote

from recorder.rtsp.messages import Headers, Message, Request
from vms.core.source_url import split_password

MESSAGES_MAX = 60  # later ones are counted, not kept
_LINE_MAX, _BODY_MAX = 400, 8_000
_TELLING = 4  # a password of fewer characters also stands in harmless words, and is left there
_ADDRESS = re.compile(r"rtsps?://\S+", re.IGNORECASE)
_USERINFO = re.compile(r"(?<=://)[^/\s@]*@")


class Transcript:
    """Both sides of one or several connections. `omitted`: messages beyond MESSAGES_MAX.

    `answered`: answers of the camera so far.
    """

    def __init__(self, username: str | None = None, password: str | None = None) -> None:
        self._secrets = _forms(username or "", password or "")
        self._messages: list[str] = []
        self.omitted = 0
        self.answered = 0
        self.sdp: str | None = None

    @property
    def messages(self) -> tuple[str, ...]:
        """Each message as its lines, `>` before what we said and `<` before what came."""
        return tuple(self._messages)

    def sent(self, message: Message) -> None:
        """We said this."""
        self._note(">", message)

    def heard(self, message: Message) -> None:
        """The camera said this."""
        if not isinstance(message, Request):
            self.answered += 1
        self._note("<", message)
        if message.body and self.sdp is None and message.body.lstrip()[:2] == b"v=":
            self.sdp = self.masked(message.body.decode("utf-8", "replace"))[:_BODY_MAX]

    def masked(self, text: str) -> str:
        """`text` without what must not be told."""
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return _ADDRESS.sub(lambda found: _without_secrets(found[0]), text)

    def _note(self, mark: str, message: Message) -> None:
        if len(self._messages) >= MESSAGES_MAX:
            self.omitted += 1
            return
        if isinstance(message, Request):
            lines = [f"{message.method} {message.uri} RTSP/1.0"]
        else:
            lines = [f"RTSP/1.0 {message.status} {message.reason}".rstrip()]
        lines += _fields(message.headers)
        if message.body:
            lines += ["", *message.body[:_BODY_MAX].decode("utf-8", "replace").splitlines()]
        told = (self.masked(line)[:_LINE_MAX] for line in lines)
        self._messages.append("\n".join(f"{mark} {_printable(line)}".rstrip() for line in told))


def _fields(headers: Headers) -> list[str]:
    return [f"{name}: {_value(name, value)}" for name, value in headers.fields]


def _value(name: str, value: str) -> str:
    if name.lower() in ("authorization", "proxy-authorization"):
        return f"{value.partition(' ')[0]} ***"
    return value


def _forms(username: str, password: str) -> list[str]:
    """The password as it may stand in a message, the longest form first."""
    if len(password) < _TELLING:
        return []
    pair = base64.b64encode(f"{username}:{password}".encode()).decode()
    return sorted({pair, password, quote(password, safe=""), quote(password)}, key=len)[::-1]


def _without_secrets(url: str) -> str:
    try:
        url = split_password(url)[0]
    except ValueError:  # two different ones: the whole of what is told is left out
        return url.partition("?")[0].partition("://")[0] + "://***"
    return _USERINFO.sub("***@", url)


def _printable(line: str) -> str:
    return "".join(sign if sign.isprintable() else "·" for sign in line)
