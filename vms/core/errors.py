"""Every error Gözcü raises on purpose.

    VmsError
    ├── ConfigError          a settings file or value is wrong: says file, line, key, remedy
    ├── NotFound             an id names nothing (HTTP 404)
    ├── BadRequest           an argument is malformed (HTTP 422, exit code 2)
    │   └── BadFields        fields of what was entered are: says which, what, remedy
    ├── AlreadyExists        an id is taken (HTTP 409)
    ├── Refused              well said, but not as things are (HTTP 409, exit code 1)
    ├── Denied               not signed in, or not allowed (HTTP 401/403)
    ├── Harmful              would delete what nobody brings back; until it is meant (HTTP 422)
    ├── CameraError          a camera can't be recorded right now; `.cause` is the gap's cause
    └── StorageError         a volume or the index refused; `.cause` is the gap's cause

Third-party errors are translated in the one module that imports the third party.
Messages say what, which, when and what now; they never carry a secret.
"""

from __future__ import annotations

from collections.abc import Iterable

from vms.core.findings import Finding
from vms.core.model import Cause
from vms.core.plain import plain


class VmsError(Exception):
    """The root: whatever is raised on purpose."""


class ConfigError(VmsError):
    """A settings file is wrong; the text names file, line, key and remedy."""

    def __init__(
        self,
        message: str,
        *,
        file: str | None = None,
        line: int | None = None,
        key: str | None = None,
        remedy: str | None = None,
    ) -> None:
        self.message, self.file, self.line, self.key, self.remedy = message, file, line, key, remedy
        place = f"{file or 'settings'}:{line}" if line is not None else (file or "")
        parts = [f"{place}: " if place else "", f"{key}: " if key else "", message]
        if remedy:
            parts.append(f" ({remedy})")
        super().__init__("".join(parts))


class NotFound(VmsError):
    """An id names nothing."""


class BadRequest(VmsError):
    """An argument is malformed; the text says which and what it should look like."""


class BadFields(BadRequest):
    """Fields of what a person entered can't be taken; `findings` say which, what, what to do."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.findings = tuple(findings)
        super().__init__("; ".join(map(str, self.findings)))


class AlreadyExists(VmsError):
    """An id or name is taken."""


class Refused(VmsError):
    """What is asked is understood and can't be done as things are; nothing was changed."""


class Denied(VmsError):
    """Not signed in, or not allowed."""


class Harmful(VmsError):
    """Would delete what nobody brings back, and nobody said yet that it is meant; not done."""


class CameraError(VmsError):
    """A camera can't be recorded right now.

    `cause` becomes the cause of the gap and the camera's state; `detail` is one plain English
    sentence with peer and numbers, for the camera's page and the log. It may quote the camera,
    and so becomes one printable line of bounded length.
    """

    def __init__(self, cause: Cause, detail: str) -> None:
        self.cause, self.detail = cause, plain(detail)
        super().__init__(self.detail)


class StorageError(VmsError):
    """A volume or the index refused; `cause` becomes the cause of the gap."""

    def __init__(self, cause: Cause, detail: str) -> None:
        self.cause, self.detail = cause, detail
        super().__init__(detail)
