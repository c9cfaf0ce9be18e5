"""Reading cameras.toml: bytes → `Settings`, or one error that says line, key and remedy."""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from vms.core import toml_lines
from vms.core.config import Settings, VolumeSettings
from vms.core.errors import ConfigError
from vms.core.secret import Secret

# pydantic's finding → what is wrong and the remedy, in the words of the file.
_SHAPES = {
    "tuple_type": ("must be a list", 'a list of texts is ["a", "b"]; tables are [[name]] each'),
    "model_type": ("must be a table", "write [name] above its keys, with single brackets"),
    "path_type": ("must be a path in quotes", None),
    "string_type": ("must be text in quotes", None),
    "int_type": ("must be a whole number", None),
    "int_parsing": ("must be a whole number", None),
    "int_from_float": ("must be a whole number", None),
}
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


def load_settings(path: Path | str, environment: Mapping[str, str] = os.environ) -> Settings:
    """Read `path`; raises ConfigError naming file, line, key and remedy."""
    file = Path(path).absolute()
    try:
        text = file.read_bytes().decode("utf-8-sig")  # some editors begin with a mark
    except FileNotFoundError:
        raise ConfigError(
            "there is no such file", file=str(path), remedy="name one with --config FILE"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"can't be read: {error}", file=str(path)) from None
    return parse_settings(text, file, environment)


def parse_settings(text: str, file: Path, environment: Mapping[str, str]) -> Settings:
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
    reader = _Reader(text, file)
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
    return reader.with_secrets(settings)


class _Reader:
    """One file being read: knows its lines."""

    def __init__(self, text: str, file: Path) -> None:
        self._file = file
        self._lines = toml_lines.key_lines(text)

    def error(self, path: toml_lines.Path, message: str, remedy: str | None = None) -> ConfigError:
        return ConfigError(
            message,
            file=str(self._file),
            line=toml_lines.line_of(self._lines, path),
            key=_dotted(path),
            remedy=remedy,
        )

    def substituted(
        self, value: Any, environment: Mapping[str, str], path: toml_lines.Path = ()
    ) -> Any:
        """`${NAME}` in any text becomes the environment's value."""
        if isinstance(value, dict):
            return {k: self.substituted(v, environment, (*path, k)) for k, v in value.items()}
        if isinstance(value, list):
            return [self.substituted(v, environment, (*path, i)) for i, v in enumerate(value)]
        if not isinstance(value, str):
            return value
        if "\0" in value:  # neither a path nor every database takes it
            raise self.error(path, "has a zero byte in it")
        for name in _VARIABLE.findall(value):
            if name not in environment:
                raise self.error(
                    path,
                    f"the environment has no {name}",
                    f"set it before starting: export {name}=…",
                )
        return _VARIABLE.sub(lambda match: environment[match[1]], value)

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
        """The first of pydantic's findings, in our words."""
        first = error.errors(include_url=False)[0]
        path = tuple(part for part in first["loc"])
        if first["type"] == "extra_forbidden":
            known = _known_keys(path[:-1])
            near = difflib.get_close_matches(str(path[-1]), known, n=1, cutoff=0.5)
            remedy = f"did you mean {near[0]!r}?" if near else f"known here: {', '.join(known)}"
            return self.error(path, "there is no such setting", remedy)
        if first["type"] == "missing":
            return self.error(path, "is missing", f"add a line {path[-1]} = …")
        message = str(first["msg"]).removeprefix("Value error, ")
        if first["type"] in _SHAPES:
            return self.error(path, *_SHAPES[first["type"]])
        if first["type"] == "literal_error":
            expected = first.get("ctx", {}).get("expected", "")
            return self.error(path, f"{first['input']!r} is not known here", f"use {expected}")
        if message[:2].istitle():
            message = message[:1].lower() + message[1:]
        return self.error(path, message)

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

    def with_secrets(self, settings: Settings) -> Settings:
        """Read the password files that `secret` names."""
        cameras = []
        for number, camera in enumerate(settings.cameras):
            if camera.secret is not None:
                where = ("cameras", number, "secret")
                if camera.password is not None:
                    raise self.error(where, "stands beside a password", "keep one of the two")
                try:
                    text = (self._file.parent / camera.secret).read_text().rstrip("\r\n")
                except (OSError, UnicodeDecodeError) as error:
                    raise self.error(
                        where,
                        f"the password file can't be read: {error}",
                        "a file that holds the password alone, readable by this service",
                    ) from None
                camera = camera.model_copy(update={"password": Secret(text), "secret": None})
            cameras.append(camera)
        return settings.model_copy(update={"cameras": tuple(cameras)})


def check_writable(settings: Settings, text: str | None = None) -> None:
    """Make data folder and volumes; raises ConfigError for one that can't be written."""
    source = text if text is not None else settings.file.read_text()
    reader = _Reader(source, settings.file)
    folders: list[tuple[toml_lines.Path, Path]] = [(("system", "data"), settings.system.data)]
    folders += [(("volumes", n, "path"), v.path) for n, v in enumerate(settings.volumes)]
    for where, folder in folders:
        probe = folder / f".write-test-{os.getpid()}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            probe.write_bytes(b"")
            probe.unlink()
        except OSError as error:
            raise reader.error(
                where,
                f"{folder} can't be written: {error.strerror or error}",
                "mount it, or give this user the right to write there",
            ) from None


def _with_absolute_paths(settings: Settings) -> Settings:
    base = settings.file.parent
    system = settings.system.model_copy(
        update={
            "data": base / settings.system.data,
            "database": _absolute_sqlite(settings.system.database, base),
        }
    )
    volumes = settings.volumes or (VolumeSettings(path=system.data / "video"),)
    placed = tuple(v.model_copy(update={"path": base / v.path}) for v in volumes)
    return settings.model_copy(update={"system": system, "volumes": placed})


def _absolute_sqlite(url: str | None, base: Path) -> str | None:
    """`sqlite:///name` lies beside the settings file, wherever a command is started."""
    if url is None or not url.startswith("sqlite:///"):
        return url
    return f"sqlite:///{base / url.removeprefix('sqlite:///')}"


def _known_keys(path: toml_lines.Path) -> list[str]:
    model: Any = Settings
    for part in path:
        if isinstance(part, int):
            continue
        annotation = model.model_fields[part].annotation
        model = next((a for a in (annotation, *get_args(annotation)) if _is_model(a)), None)
        if model is None:
            return []
    return [name for name in model.model_fields if name != "file"]


def _is_model(thing: object) -> bool:
    return isinstance(thing, type) and issubclass(thing, BaseModel)


def _dotted(path: toml_lines.Path) -> str:
    text = ""
    for part in path:
        text += f"[{part + 1}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text
