"""From nodes of pglast's tree to names: `schema.object` in the schema that is looked into first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

DEFAULT_SCHEMA = "public"


def nodes(root: Any) -> Iterator[Any]:
    """Yield every node of a tree, by a list of what is to do: depth costs no recursion."""
    waiting = [root]
    while waiting:
        item = waiting.pop()
        if isinstance(item, tuple | list):
            waiting += item
        elif hasattr(item, "__slots__") and not isinstance(item, str | int):
            yield item
            waiting += [getattr(item, slot) for slot in item]


def texts(parts: Any) -> tuple[str, ...]:
    """Return the words of a name: a list of strings, one string, or a type's name."""
    if isinstance(parts, str):
        return (parts,)
    if hasattr(parts, "names"):
        parts = parts.names
    if hasattr(parts, "sval"):
        return (str(parts.sval),)
    return tuple(str(p.sval) for p in parts or () if hasattr(p, "sval"))


def qualified(words: Sequence[str], schema: str) -> str:
    """Return `schema.object`; a database before the schema is left out."""
    return ".".join(words[-2:] if len(words) > 1 else (schema, *words))


def relation(node: Any, schema: str) -> str:
    """Return the name that a range variable has; one of a temporary table is `pg_temp`'s."""
    own = "pg_temp" if node.relpersistence == "t" else schema
    return f"{node.schemaname or own}.{node.relname}"


def arguments(function: Any) -> tuple[str, ...] | None:
    """Return the types that a function is called with; None where they are unsaid."""
    if getattr(function, "args_unspecified", False):
        return None
    return tuple(_type(t) for t in function.objargs or ())


def parameters(found: Any) -> tuple[str, ...]:
    """Return the types of a new function's parameters, without those that only come out."""
    taken = [p for p in found or () if str(getattr(p.mode, "value", p.mode)) not in {"o", "t"}]
    return tuple(_type(p.argType) for p in taken)


def _type(node: Any) -> str:
    words = texts(node)
    return (words[-1] if words else "") + ("[]" if getattr(node, "arrayBounds", None) else "")
