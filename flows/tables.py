"""From a TOML table to a frozen config dataclass and back: names and types are the dataclass's own.

Ranges and choices are checked by the dataclass (`__post_init__`); here only that a key is known and that its
value has the annotated type. Errors name the key as a user would write it after `--set`.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import difflib
import json
import re
import tomllib
import types
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from pipeline.errors import ConfigError

C = TypeVar("C")  # a config dataclass

_UNIT_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*([smhd])")


def build(config: type[C], table: Mapping[str, Any], where: str, base: Path) -> C:
    """The config that `table` describes; relative paths in it count from the folder `base`."""
    hints = keys(config)
    for key, value in table.items():
        if key not in hints:
            raise unknown(f"{where}.{key}", [f"{where}.{known}" for known in hints], value)
    typed = {key: coerce(value, hints[key], f"{where}.{key}", base) for key, value in table.items()}
    required = [field.name for field in _fields(config) if _is_required(field) and field.name not in typed]
    if required:
        raise ConfigError(f"{where}.{required[0]}", None, f"{where} needs it, e.g. {required[0]} = …")
    return config(**typed)


def keys(config: type[Any]) -> dict[str, Any]:
    """The keys of a table with their types."""
    hints = get_type_hints(config)
    return {field.name: hints[field.name] for field in _fields(config)}


def unknown(key: str, known: Sequence[str], value: object = None) -> ConfigError:
    """The error for a key nobody knows; names the nearest that somebody does."""
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.6)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
    return ConfigError(key, value, f"no such key; {hint}")


def from_text(text: str, hint: Any) -> object:
    """What a value on the command line means: text where the key wants text, else TOML, else bare text."""
    try:
        parsed = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return text
    if parsed.keys() != {"value"} or (_is_text(hint) and not isinstance(parsed["value"], str)):
        return text
    return parsed["value"]


def coerce(value: object, hint: Any, key: str, base: Path) -> object:
    """`value` as the type `hint`, or ConfigError naming what `key` needs."""
    choices = parts(hint)
    for choice in choices:
        try:
            return _convert(value, choice, key, base)
        except (TypeError, ValueError):
            continue
    needs = " or ".join(
        _NEEDS.get(get_origin(choice) or choice, "another kind of value") for choice in choices
    )
    raise ConfigError(key, value, f"need {needs}")


def _convert(value: Any, hint: Any, key: str, base: Path) -> object:
    """`value` as the plain type `hint`; TypeError or ValueError where it is none."""
    if get_origin(hint) is tuple:
        if not isinstance(value, list | tuple):
            raise TypeError
        items = get_args(hint)
        wanted = [items[0]] * len(value) if items[-1] is Ellipsis else items
        return tuple(coerce(item, part, key, base) for item, part in zip(value, wanted, strict=True))
    if get_origin(hint) is Literal:
        hint = type(get_args(hint)[0])  # which of the choices it is, the dataclass checks
    convert = _CONVERT.get(hint)
    if convert is None:
        raise TypeError
    converted = convert(value)
    return base / converted.expanduser() if isinstance(converted, Path) else converted


def _only(*accepted: type) -> Callable[[Any], Any]:
    def check(value: Any) -> Any:
        if not isinstance(value, accepted) or (isinstance(value, bool) and bool not in accepted):
            raise TypeError
        return accepted[0](value)

    return check


def _duration(value: Any) -> dt.timedelta:
    match = _DURATION.fullmatch(value)
    if match is None:
        raise ValueError
    return dt.timedelta(seconds=float(match[1]) * _UNIT_S[match[2]])


def _date(value: Any) -> dt.date:
    date = dt.date.fromisoformat(value) if isinstance(value, str) else value
    if type(date) is not dt.date:  # a moment is a date, too
        raise TypeError
    return date


def _some_text(value: Any) -> str:
    text: str = _only(str)(value)
    if not text:  # Path("") would be the folder itself
        raise ValueError
    return text


_CONVERT: dict[Any, Callable[[Any], Any]] = {
    bool: _only(bool),
    int: _only(int),
    float: _only(float, int),
    str: _only(str),
    Path: lambda value: Path(_some_text(value)),
    dt.timedelta: _duration,
    dt.date: _date,
}
_NEEDS: dict[Any, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
    Path: "a path",
    tuple: 'a list, e.g. ["a", "b"]',
    Literal: "one of the words it knows",
    dt.timedelta: 'a time such as "24h" or "7d"',
    dt.date: "a date such as 2024-01-31",
}


def to_toml(header: str, table: Mapping[str, Any]) -> str:
    """One TOML table under `header` ("" for the top); keys without a value are left out."""
    lines = [f"{key} = {_literal(value)}" for key, value in table.items() if value is not None]
    return "\n".join([header, *lines] if header else lines) + "\n"


def as_table(config: Any) -> dict[str, Any]:
    """The keys of a config with their values: the opposite of `build`."""
    return {field.name: getattr(config, field.name) for field in _fields(type(config))}


def _literal(value: Any) -> str:
    match value:
        case bool():
            return str(value).lower()
        case int() | float():
            return repr(value)
        case tuple():
            return f"[{', '.join(_literal(item) for item in value)}]"
        case dt.timedelta():
            hours = value / dt.timedelta(hours=1)
            return f'"{int(hours)}h"' if hours.is_integer() else f'"{value.total_seconds():.6f}s"'
        case dt.date():
            return value.isoformat()
        case _:
            return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")


def _fields(config: type[Any]) -> list[dataclasses.Field[Any]]:
    return [field for field in dataclasses.fields(config) if field.init]


def _is_required(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def parts(hint: Any) -> list[Any]:
    """The types a value may have; None, which TOML cannot write, left out."""
    union = get_origin(hint) in (types.UnionType, Union)
    return [part for part in get_args(hint) if part is not type(None)] if union else [hint]


def _is_text(hint: Any) -> bool:
    return any(part in (str, Path) or get_origin(part) is Literal for part in parts(hint))
