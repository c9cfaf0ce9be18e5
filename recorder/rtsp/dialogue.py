"""Our side of an RTSP conversation: numbers, names and signs every request. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from recorder.rtsp.auth import Authenticator
from recorder.rtsp.messages import Message, Request, Response, cseq_of, encode, headers
from recorder.rtsp.transcript import Transcript

USER_AGENT = "Gozcu"


class Dialogue:
    """The state both sides share: sequence number, session, and the answer to a challenge.

    `transcript` writes down what both sides say; None, as in all recording, for nobody.
    """

    def __init__(
        self, authenticator: Authenticator | None, transcript: Transcript | None = None
    ) -> None:
        self._authenticator, self._transcript = authenticator, transcript
        self.cseq = 0
        self.session: str | None = None
        self._numbered = True  # its answers carry the numbers of our requests

    @property
    def signs_in(self) -> bool:
        """Whether there is a user to sign in as."""
        return self._authenticator is not None

    def ask(self, method: str, uri: str, extra: Iterable[tuple[str, str]] = ()) -> bytes:
        """The next request as bytes."""
        self.cseq += 1
        fields = [("CSeq", str(self.cseq)), ("User-Agent", USER_AGENT), *extra]
        if self.session is not None:
            fields.append(("Session", self.session))
        if self._authenticator is not None:
            signed = self._authenticator.header(method, uri)
            fields.extend([("Authorization", signed)] if signed else [])
        request = Request(method, uri, headers(fields))
        if self._transcript is not None:
            self._transcript.sent(request)
        return encode(request)

    def hear(self, message: Message) -> None:
        """The camera said something, whatever is made of it."""
        if self._transcript is not None:
            self._transcript.heard(message)

    def answers(self, response: Response) -> bool:
        """Whether this is the answer to the last request; a lost or odd CSeq counts as it.

        A lower number may be of a second answer to what was asked before, unless the camera was
        seen to count its own way.
        """
        number = cseq_of(response)
        if number == 0:
            self._numbered = False  # we count from one
        return not self._numbered or number is None or number >= self.cseq

    def distrust(self) -> None:
        """The camera answers under numbers of its own: what comes is the answer."""
        self._numbered = False

    def challenged(self, response: Response) -> bool | None:
        """Take a 401's challenge. None: can't be answered; True: only the nonce was stale."""
        if self._authenticator is None:
            return None
        challenge = self._authenticator.accept(response.headers.all("WWW-Authenticate"))
        return None if challenge is None else challenge.stale


def reply(request: Request) -> bytes:
    """What we answer to a camera that asks: its pings with 200, what we don't know with 501."""
    known = request.method in ("OPTIONS", "GET_PARAMETER", "SET_PARAMETER", "TEARDOWN", "ANNOUNCE")
    status, reason = (200, "OK") if known else (501, "Not Implemented")
    names = ("CSeq", "Session")
    fields = [(name, value) for name in names if (value := request.headers.get(name))]
    return encode(Response(status, reason, headers(fields)))
