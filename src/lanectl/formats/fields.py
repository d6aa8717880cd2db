"""Exact fields of untrusted JSON values: what is missing, unknown or of another type is refused."""

from __future__ import annotations

from typing import Any, NoReturn

from lanectl.model.report import Fault, MalformedError


class Fields:
    """Reads values under one rule, which every refusal names."""

    def __init__(self, rule: str) -> None:
        self.rule = rule

    def refuse(self, where: str, got: str, expected: str) -> NoReturn:
        """Raise MalformedError with the fault at this place."""
        raise MalformedError(Fault(self.rule, where=where, got=got[:300], expected=expected))

    def mapping(
        self, value: Any, where: str, required: set[str], optional: set[str] | None = None
    ) -> dict[str, Any]:
        """Return a copy of an object that has the required keys and no unknown ones."""
        if not isinstance(value, dict):
            self.refuse(where, type(value).__name__, "an object")
        if value.keys() == required:
            return dict(value)
        missing, unknown = required - value.keys(), value.keys() - required - (optional or set())
        if missing or unknown:
            got = "; ".join(
                f"{word} {', '.join(sorted(names))}"
                for word, names in (("without", missing), ("unknown", unknown))
                if names
            )
            self.refuse(where, got, f"exactly {', '.join(sorted(required))}")
        return dict(value)

    def text(self, value: Any, where: str) -> str:
        """Return a string."""
        if not isinstance(value, str):
            self.refuse(where, type(value).__name__, "a string")
        return str(value)

    def texts(self, value: dict[str, Any], where: str) -> dict[str, str]:
        """Return an object whose values are all strings."""
        for key, item in value.items():
            if not isinstance(item, str):
                self.text(item, f"{where}.{key}")
        return dict(value)

    def constant(self, got: Any, expected: str, where: str) -> None:
        """Refuse anything but one value."""
        if got != expected:
            self.refuse(where, str(got)[:200], expected)
