"""What the migrations of a change create and change: all that their rollback may touch."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lanectl.model.sql import Act, Script

_RELATIONS = frozenset({"table", "view", "index", "sequence"})
_BELOW_A_TABLE = frozenset({"policy", "trigger", "column", "constraint"})
_WITH_DATA = frozenset({"table", "column", "schema"})
_SEQUENCES = frozenset({"nextval", "setval", "currval"})
HARMLESS = _SEQUENCES | frozenset({
    "abs", "array_agg", "array_append", "array_length", "array_position",
    "array_remove", "array_to_string", "avg", "bool_and", "bool_or",
    "btrim", "cardinality", "ceil", "char_length", "clock_timestamp",
    "concat", "concat_ws", "count", "date_part", "date_trunc",
    "decode", "digest", "encode", "extract", "floor",
    "format", "gen_random_uuid", "greatest", "hashtext", "initcap",
    "json_agg", "json_array_elements", "json_build_array", "json_build_object", "json_object_agg",
    "jsonb_agg", "jsonb_array_elements", "jsonb_array_elements_text", "jsonb_array_length", "jsonb_build_array",
    "jsonb_build_object", "jsonb_each", "jsonb_object_agg", "jsonb_object_keys", "jsonb_set",
    "jsonb_strip_nulls", "jsonb_typeof", "least", "left", "length",
    "lower", "lpad", "ltrim", "make_date", "make_interval",
    "max", "md5", "min", "now", "nullif",
    "overlay", "position", "quote_literal", "rank", "regexp_match",
    "regexp_replace", "repeat", "replace", "reverse", "right",
    "round", "row_number", "row_to_json", "rpad", "rtrim",
    "sha256", "split_part", "sqrt", "statement_timestamp", "string_agg",
    "string_to_array", "strpos", "substr", "substring", "sum",
    "timezone", "to_char", "to_date", "to_json", "to_jsonb",
    "to_number", "to_timestamp", "to_tsvector", "transaction_timestamp", "translate",
    "trim", "trunc", "unnest", "upper", "uuid_generate_v4",
})  # fmt: skip
"""Functions of PostgreSQL that touch nothing but their arguments (and sequences)."""


class Undoing:
    """The objects of some scripts, by name. PostgreSQL has one space of names for all relations."""

    def __init__(self, scripts: Iterable[Script]) -> None:
        self.dynamic = False
        self._touched: set[tuple[str, str]] = set()
        self._created: dict[tuple[str, str], bool] = {}
        self._gone: set[tuple[str, str]] = set()
        self._tables: set[str] = set()
        self._protected: set[str] = set()
        self._granted: set[tuple[str, str]] = set()
        self._retyped: set[tuple[str, str]] = set()
        self._own_names: set[str] = set()
        self._functions: dict[str, set[tuple[str, ...] | None]] = {}
        for script in scripts:
            self.dynamic |= script.dynamic
            for statement in script.statements:
                for act in statement.acts:
                    self._take(act)

    def _take(self, act: Act) -> None:
        key = _key(act)
        self._touched.add(key)
        if act.verb == "create":
            self._created[key] = act.unsure
            self._own_names.add(_prefix(act))
        elif act.verb == "drop":
            self._gone.add(key)
        elif act.verb == "protect":
            self._protected.add(act.name)
        elif act.verb == "grant":
            self._granted.add(key)
        elif act.verb == "retype":
            self._retyped.add(key)
        if act.kind == "function":
            self._functions.setdefault(act.name, set()).add(act.arguments)
        if key[0] == "relation":
            self._tables.add(act.name)
        elif act.kind in {"column", "constraint"}:
            self._tables.add(act.name.rpartition(".")[0])

    def knows(self, act: Act) -> bool:
        """Whether undoing the migrations may do this to this object."""
        key = _key(act)
        if act.verb == "grant" and not any(
            key in s for s in (self._granted, self._created, self._gone)
        ):
            return False
        if act.kind == "function":
            known = self._functions.get(act.name, set())
            return bool(known) and bool({None, act.arguments} & known or act.arguments is None)
        if act.kind in _BELOW_A_TABLE:
            return self._knows_below(act)
        if act.verb == "drop" and act.kind in _WITH_DATA:
            return key in self._created or key in self._gone
        return key in self._touched or self._belongs(act)

    def _knows_below(self, act: Act) -> bool:
        table = act.name.rpartition(".")[0]
        if _key(act) in self._touched or self.creates(table):
            return True
        is_strict = act.kind in {"policy", "trigger"} or act.verb == "drop"
        return not is_strict and self.touches(table)

    def _belongs(self, act: Act) -> bool:
        """Whether an index or sequence is one that PostgreSQL names after what a migration makes."""
        if act.kind == "index" and act.verb == "create":
            return any(self.touches(table) for table in act.arguments or ())
        if act.kind not in {"index", "sequence"}:
            return False
        parts = act.name.split("_")
        return any("_".join(parts[:n]) in self._own_names for n in range(1, min(len(parts), 64)))

    def touches(self, table: str) -> bool:
        """Whether a migration creates, changes, drops or writes a table."""
        return table in self._tables

    def creates(self, table: str) -> bool:
        """Whether a migration makes a table."""
        return ("relation", table) in self._created

    def made(self, act: Act) -> bool:
        """Whether what is emptied or overwritten is the migrations' own: the table, or the column."""
        if act.verb == "retype" and _key(act) in self._retyped:
            return True
        table = act.name.rpartition(".")[0] if act.kind == "column" else act.name
        return not act.cascade and (_key(act) in self._created or self.creates(table))

    def protects(self, table: str) -> bool:
        """Whether a migration switches row level security on for a table."""
        return table in self._protected

    def may_call(self, function: str) -> bool:
        """Whether a function is harmless, or the migrations' own."""
        return (
            function in HARMLESS
            or function in self._functions
            or f"public.{function}" in self._functions
        )

    def doubt(self, act: Act) -> str:
        """Return a remark where a migration makes a thing only if it is not there yet."""
        unsure = self._created.get(_key(act), False)
        return ", which may be older than the migration" if unsure else ""


def _prefix(act: Act) -> str:
    """Return what the names begin with that PostgreSQL makes: `t` for `t_pkey`, `t_c` for `t_c_seq`."""
    if act.kind == "column":
        table, _, column = act.name.rpartition(".")
        return f"{table}_{column}"
    return act.name.removesuffix("_*")


def _key(act: Act) -> tuple[str, str]:
    return ("relation" if act.kind in _RELATIONS else act.kind, act.name)
