"""TOML tables whose unknown keys are refused, and the one error that a bad value gives."""

from __future__ import annotations

import tomllib
from typing import Any

from lanectl.errors import Remedy, UnreadableError

SAMPLE = Remedy("Compare the file with the commented sample in docs/configuration.md.")


class Table:
    """One TOML table that knows its name and which keys were asked for. All raise UnreadableError."""

    def __init__(self, path: str, values: dict[str, Any], name: str = "") -> None:
        self.path, self.name, self.values = path, name, dict(values)

    def at(self, key: str) -> str:
        """Return the full name of a key, as people are told it."""
        return f"{self.name}.{key}" if self.name else key

    def bad(self, key: str, why: str) -> UnreadableError:
        """Return the error for a key's value."""
        return bad(self.path, self.at(key), why)

    def version(self) -> None:
        """Take the version of the layout, which is 1."""
        if self._take("version", None, int) != 1:
            raise self.bad("version", "must be 1")

    def section(self, key: str) -> Table:
        """Take a table; an empty one where there is none."""
        return Table(self.path, self._take(key, {}, dict), self.at(key))

    def sections(self, key: str) -> tuple[Table, ...]:
        """Take a list of tables, each named by its number."""
        values = self._take(key, [], list)
        if any(not isinstance(value, dict) for value in values):
            raise self.bad(key, f"must be tables: [[{self.at(key)}]]")
        return tuple(Table(self.path, v, f"{self.at(key)}[{n}]") for n, v in enumerate(values))

    def text(self, key: str, default: str | None = None) -> str:
        """Take a text; without a default it must be there."""
        return str(self._take(key, default, str))

    def texts(self, key: str, default: tuple[str, ...]) -> tuple[str, ...]:
        """Take a list of texts that are not empty."""
        value = self._take(key, list(default), list)
        if any(not isinstance(item, str) or not item for item in value):
            raise self.bad(key, "must be a list of texts")
        return tuple(value)

    def number(self, key: str, default: int, low: int, high: int) -> int:
        """Take a whole number between two bounds."""
        value = int(self._take(key, default, int))
        if not low <= value <= high:
            raise self.bad(key, f"must lie between {low} and {high}")
        return value

    def flag(self, key: str, *, default: bool) -> bool:
        """Take true or false."""
        return bool(self._take(key, default, bool))

    def end(self) -> None:
        """Refuse what nobody asked for."""
        if self.values:
            raise self.bad(min(self.values), "is not a known key")

    def _take(self, key: str, default: Any, kind: type) -> Any:
        value = self.values.pop(key, default)
        if value is None:
            raise self.bad(key, "missing")
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise self.bad(key, f"must be of type {kind.__name__}")
        return value


def read_toml(data: bytes, path: str) -> dict[str, Any]:
    """Return what a TOML file holds. Raises UnreadableError."""
    try:
        return tomllib.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError and TOMLDecodeError too
        raise bad(path, "the file", f"is not TOML: {error}") from error


def bad(path: str, where: str, why: str, remedy: Remedy = SAMPLE) -> UnreadableError:
    """Return the error for a place in a file."""
    return UnreadableError(f"{path}: {where} {why}", remedies=(remedy,))
