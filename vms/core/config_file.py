"""Reading cameras.toml: bytes → `Settings`, or one error that says line, key and remedy."""

from __future__ import annotations

import difflib
import os
import re
import threading
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from vms.core import toml_lines
from vms.core.config import Settings
from vms.core.config_camera import CameraSettings
from vms.core.config_directory import SECRET_FILES, placed
from vms.core.config_storage import VolumeSettings
from vms.core.errors import ConfigError
from vms.core.findings import Finding, dotted, findings_of
from vms.core.log import get_logger
from vms.core.secret import Secret

log = get_logger(__name__)

_ANSWER_WITHIN = 3.0  # seconds a folder has to take a file at the start

_VARIABLE = re.compile(r"(\$?)\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


def load_settings(
    path: Path | str,
    environment: Mapping[str, str] = os.environ,
    *,
    dials: bool = True,
    alone: bool = True,
) -> Settings:
    """Read `path`; raises ConfigError naming file, line, key and remedy.

    `dials`: cameras' secrets are needed. Who only looks at what is stored may lack them. `alone`:
    its cameras name its own schedules; what is imported may name those of the site.
    """
    file = Path(path).absolute()
    try:
        text = file.read_bytes().decode("utf-8-sig")  # some editors begin with a mark
    except FileNotFoundError:
        raise ConfigError(
            "there is no such file", file=str(path), remedy="name one with --config FILE"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"can't be read: {error}", file=str(path)) from None
    return parse_settings(text, file, environment, dials=dials, alone=alone)


def parse_settings(
    text: str,
    file: Path,
    environment: Mapping[str, str],
    *,
    dials: bool = True,
    alone: bool = True,
) -> Settings:
    """Turn the text of a settings file into settings; relative paths start at the file's folder."""
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"at line (\d+)", str(error))
        message = re.sub(r" ?\(at (line \d+, column \d+|end of document)\)", "", str(error))
        raise ConfigError(
            f"is not TOML: {message}",
            file=str(file),
            line=int(line[1]) if line else len(text.splitlines()),
        ) from None
    except RecursionError:
        raise ConfigError("is not TOML: brackets in brackets without end", file=str(file)) from None
    reader = _Reader(text, file, dials=dials)
    values = reader.substituted(values, environment)
    reader.refuse_odd_database(values)
    if "file" in values:  # of Settings, but not of the file
        raise reader.error(("file",), "there is no such setting")
    try:
        settings = Settings.model_validate({**values, "file": file})
    except ValidationError as error:
        raise reader.explained(error) from None
    settings = _with_absolute_paths(settings)
    reader.refuse_duplicates(settings)
    if alone:
        reader.refuse_unknown_schedules(settings)
    return reader.with_secrets(settings)


def escaped(text: str) -> str:
    """A text as it must stand in the file to be read back as itself."""
    return re.sub(r"\$\{[A-Za-z_][A-Za-z0-9_]*\}", r"$\g<0>", text)


class _Reader:
    """One file being read: knows its lines."""

    def __init__(self, text: str, file: Path, *, dials: bool) -> None:
        self._file, self._dials = file, dials
        self._lines = toml_lines.key_lines(text)

    def error(self, path: toml_lines.Path, message: str, remedy: str | None = None) -> ConfigError:
        return ConfigError(
            message,
            file=str(self._file),
            line=toml_lines.line_of(self._lines, path),
            key=dotted(path),
            remedy=remedy,
        )

    def substituted(
        self, value: Any, environment: Mapping[str, str], path: toml_lines.Path = ()
    ) -> Any:
        """`${NAME}` in any text becomes the environment's value, `$${NAME}` is `${NAME}`."""
        if isinstance(value, dict):
            return {k: self.substituted(v, environment, (*path, k)) for k, v in value.items()}
        if isinstance(value, list):
            return [self.substituted(v, environment, (*path, i)) for i, v in enumerate(value)]
        if not isinstance(value, str):
            return value
        if "\0" in value:  # neither a path nor every database takes it
            raise self.error(path, "has a zero byte in it")
        may_lack = not self._dials and path[0] == "cameras"
        for meant, name in _VARIABLE.findall(value):
            if not meant and name not in environment and not may_lack:
                raise self.error(
                    path,
                    f"the environment has no {name}",
                    f"set it before starting: export {name}=…",
                )
        return _VARIABLE.sub(
            lambda one: one[0][1:] if one[1] else environment.get(one[2], ""), value
        )

    def refuse_odd_database(self, values: Mapping[str, Any]) -> None:
        system = values.get("system")
        url = system.get("database") if isinstance(system, dict) else None
        if isinstance(url, str) and not re.match(r"postgresql(\+psycopg)?://\S|sqlite:///\S", url):
            raise self.error(
                ("system", "database"),
                "is not a database we know",
                "use postgresql://user@host/name, or leave it out for SQLite",
            )

    def explained(self, error: ValidationError) -> ConfigError:
        """The first of pydantic's findings, in our words; that a key is mistyped, not missing."""
        found = list(findings_of(error, Settings))
        misspelt = (
            one
            for one in found
            if one.path[:-1] == found[0].path[:-1] and (one.remedy or "").startswith("did you mean")
        )
        first = next(misspelt, found[0])
        return self.error(first.path, first.message, first.remedy)

    def refuse_duplicates(self, settings: Settings) -> None:
        seen: dict[str, int] = {}
        for number, camera in enumerate(settings.cameras):
            if camera.id in seen:
                first = toml_lines.line_of(self._lines, ("cameras", seen[camera.id], "id"))
                raise self.error(
                    ("cameras", number, "id"),
                    f"{camera.id!r} is already the camera of line {first}",
                    "give each camera its own id",
                )
            seen[camera.id] = number
        for section in ("retention", "tiers", "schedules"):
            names: set[str] = set()
            for number, named in enumerate(getattr(settings, section)):
                if named.name in names:
                    where = (section, number, "name")
                    raise self.error(where, f"{named.name!r} is there already", "rename one")
                names.add(named.name)
        paths = [volume.path.resolve() for volume in settings.volumes]
        for number, path in enumerate(paths):
            for other in paths[:number]:
                where = ("volumes", number, "path")
                if path == other:
                    raise self.error(where, f"{path} is already a volume")
                if path in other.parents or other in path.parents:
                    raise self.error(
                        where,
                        f"{path} and the volume {other} lie one in the other",
                        "give each volume a folder of its own",
                    )

    def refuse_unknown_schedules(self, settings: Settings) -> None:
        known = [schedule.name for schedule in settings.schedules]
        for number, camera in enumerate(settings.cameras):
            for found in unknown_schedules(camera, known, "add it under [[schedules]]"):
                where = ("cameras", number, *found.path)
                raise self.error(where, found.message, found.remedy)

    def with_secrets(self, settings: Settings) -> Settings:
        """Read the password files that `secret` names."""
        cameras = []
        for number, camera in enumerate(settings.cameras):
            if camera.secret is not None:
                where = ("cameras", number, "secret")
                if camera.password is not None:
                    raise self.error(where, "stands beside a password", "keep one of the two")
                secret = self._file.parent / camera.secret
                text = self._secret_of(secret, where) if self._dials else None
                camera = camera.model_copy(update={"password": text, "secret": None})
            cameras.append(camera)
        found: dict[str, Any] = {"cameras": tuple(cameras)}
        for name, file_key, key in SECRET_FILES:
            section = getattr(settings, name)
            file = getattr(section, file_key, None)
            if file is not None:
                text = self._secret_of(file, (name, file_key))
                if not text:
                    raise self.error((name, file_key), f"{file} is empty", "write the secret in it")
                found[name] = section.model_copy(update={key: text, file_key: None})
        return settings.model_copy(update=found)

    def _secret_of(self, file: Path, where: toml_lines.Path) -> Secret:
        try:
            text = file.read_text().rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            raise self.error(
                where,
                f"the password file can't be read: {error}",
                "a file that holds the password alone, readable by this service",
            ) from None
        return Secret(text)


def unknown_schedules(
    camera: CameraSettings, known: Sequence[str], make_one: str
) -> Iterator[Finding]:
    """Where a camera names a schedule that is none of those known; `make_one`: how one is made."""
    for key, name in (("record", camera.schedule), ("privacy", camera.privacy)):
        if name is None or name in known:
            continue
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
        remedy = f"did you mean {near[0]!r}?" if near else make_one
        yield Finding((key,), f"there is no schedule {name!r}", remedy)


def check_writable(settings: Settings, text: str | None = None) -> None:
    """Make data folder and volumes; raises ConfigError when there is nowhere to write.

    A volume that can't be written is left out, loudly, as long as another can: the recorder takes
    it up when it can be.
    """
    source = text if text is not None else settings.file.read_text()
    reader = _Reader(source, settings.file, dials=True)
    refused = _refusal(settings.system.data)
    if refused is not None:
        raise _not_writable(reader, ("system", "data"), settings.system.data, refused)
    troubles: list[tuple[int, Path, str]] = []
    for number, volume in enumerate(settings.volumes):
        refused = _refusal(volume.path)
        if refused is not None:
            troubles.append((number, volume.path, refused))
    if troubles and len(troubles) == len(settings.volumes):
        number, path, refused = troubles[0]
        raise _not_writable(reader, ("volumes", number, "path"), path, refused)
    for _, path, refused in troubles:
        log.error("volume left out until it can be written", path=str(path), error=refused)


def _not_writable(
    reader: _Reader, where: toml_lines.Path, folder: Path, refused: str
) -> ConfigError:
    return reader.error(
        where,
        f"{folder} can't be written: {refused}",
        "mount it, or give this user the right to write there",
    )


def _refusal(folder: Path) -> str | None:
    """Why nothing can be written to a folder; a disk that does not answer is not waited for."""
    said: list[str | None] = []

    def write() -> None:
        probe = folder / f".write-test-{os.getpid()}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            probe.write_bytes(b"")
            probe.unlink()
        except OSError as error:
            said.append(error.strerror or str(error))
        else:
            said.append(None)

    thread = threading.Thread(target=write, name=f"write test {folder}", daemon=True)
    thread.start()
    thread.join(_ANSWER_WITHIN)
    return said[0] if said else f"it does not answer within {_ANSWER_WITHIN:g} s"


def _with_absolute_paths(settings: Settings) -> Settings:
    base = settings.file.parent
    system = settings.system.model_copy(
        update={
            "data": base / settings.system.data,
            "database": _absolute_sqlite(settings.system.database, base),
        }
    )
    volumes = settings.volumes or (VolumeSettings(path=system.data / "video"),)
    volumes = tuple(v.model_copy(update={"path": base / v.path}) for v in volumes)
    ledger = settings.ledger
    if ledger.certificates is not None:
        ledger = ledger.model_copy(update={"certificates": base / ledger.certificates})
    found: dict[str, Any] = {"system": system, "volumes": volumes, "ledger": ledger}
    for name, keys in (("web", ("tls_certificate", "tls_key")), ("audit", ("certificates",))):
        section = getattr(settings, name)
        files = {key: base / file for key in keys if (file := getattr(section, key)) is not None}
        found[name] = section.model_copy(update=files)
    if settings.oidc is not None:
        found["oidc"] = placed(settings.oidc, base)
    if settings.ldap is not None:
        found["ldap"] = placed(settings.ldap, base)
    return settings.model_copy(update=found)


def _absolute_sqlite(url: str | None, base: Path) -> str | None:
    """`sqlite:///name` lies beside the settings file, wherever a command is started."""
    if url is None or not url.startswith("sqlite:///"):
        return url
    return f"sqlite:///{base / url.removeprefix('sqlite:///')}"
