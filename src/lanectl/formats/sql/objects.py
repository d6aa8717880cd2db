"""Statements that make, change and drop objects: which object each names. Refuses other objects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lanectl.formats.sql.names import (
    DEFAULT_SCHEMA,
    arguments,
    parameters,
    qualified,
    relation,
    texts,
)
from lanectl.model.sql import Act

if TYPE_CHECKING:
    from collections.abc import Iterator

_KINDS = {
    "TABLE": "table", "FOREIGN_TABLE": "table", "MATVIEW": "view", "VIEW": "view", "INDEX": "index",
    "SEQUENCE": "sequence", "TYPE": "type", "DOMAIN": "type", "FUNCTION": "function",
    "PROCEDURE": "function", "ROUTINE": "function", "AGGREGATE": "function", "SCHEMA": "schema",
    "POLICY": "policy", "TRIGGER": "trigger", "COLUMN": "column", "ATTRIBUTE": "column",
    "TABCONSTRAINT": "constraint",
}  # fmt: skip
_BELOW_A_TABLE = frozenset({"policy", "trigger", "column", "constraint"})
_LANGUAGES = frozenset({"sql", "plpgsql"})


class Objects:
    """Reads one statement after the other; `refused` says why the last is none of a rollback's."""

    def __init__(self) -> None:
        self.schema = DEFAULT_SCHEMA
        self.refused = ""
        self.definer = False

    def drop(self, node: Any) -> Iterator[Act]:
        """Yield the objects of a `DROP`."""
        kind = self._kind(node.removeType)
        cascade = node.behavior.name == "DROP_CASCADE"
        for item in node.objects if kind else ():
            yield self._named("drop", kind, item, cascade=cascade)

    def _kind(self, number: Any) -> str:
        kind = _KINDS.get(number.name.removeprefix("OBJECT_"), "")
        if not kind:
            self.refused = f"{number.name.removeprefix('OBJECT_').lower()}: no object of a rollback"
        return kind

    def _named(self, verb: str, kind: str, item: Any, *, cascade: bool = False) -> Act:
        """Return an act on an object that is named in a list of words, or with its arguments."""
        if kind == "function":
            return Act(verb, kind, qualified(texts(item.objname), self.schema), arguments(item))
        words = texts(item)
        if kind == "schema":
            return Act(verb, kind, words[-1], cascade=cascade)
        if kind in _BELOW_A_TABLE:
            owner = qualified(words[:-1], self.schema)
            return Act(verb, kind, f"{owner}.{words[-1]}", cascade=cascade)
        return Act(verb, kind, qualified(words, self.schema), cascade=cascade)

    def create_table(self, node: Any) -> Iterator[Act]:
        """Yield a new table."""
        yield self.made("table", node.relation, unsure=node.if_not_exists)

    def made(self, kind: str, node: Any, *, unsure: bool) -> Act:
        """Return a new relation."""
        return Act("create", kind, relation(node, self.schema), unsure=bool(unsure))

    def create_as(self, node: Any) -> Iterator[Act]:
        """Yield a table that a query fills."""
        yield self.made("table", node.into.rel, unsure=node.if_not_exists)

    def create_view(self, node: Any) -> Iterator[Act]:
        """Yield a view."""
        yield self.made("view", node.view, unsure=node.replace)

    def create_sequence(self, node: Any) -> Iterator[Act]:
        """Yield a sequence."""
        yield self.made("sequence", node.sequence, unsure=node.if_not_exists)

    def create_index(self, node: Any) -> Iterator[Act]:
        """Yield an index, with its table as the argument."""
        table = relation(node.relation, self.schema)
        schema, _, plain = table.partition(".")
        name = node.idxname or f"{plain}_*"  # PostgreSQL makes a name that begins with the table's
        yield Act("create", "index", f"{schema}.{name}", (table,), unsure=bool(node.if_not_exists))

    def create_type(self, node: Any) -> Iterator[Act]:
        """Yield an enumeration, a domain or a range."""
        words = getattr(node, "domainname", None) or node.typeName
        yield Act("create", "type", qualified(texts(words), self.schema))

    def create_composite(self, node: Any) -> Iterator[Act]:
        """Yield a type of columns."""
        yield self.made("type", node.typevar, unsure=False)

    def create_schema(self, node: Any) -> Iterator[Act]:
        """Yield a schema."""
        yield Act("create", "schema", node.schemaname or "", unsure=bool(node.if_not_exists))
        if node.schemaElts:
            self.refused = "a schema with its objects in one statement"

    def create_function(self, node: Any) -> Iterator[Act]:
        """Yield a function; its body is not looked into."""
        name = qualified(texts(node.funcname), self.schema)
        given = {o.defname: o.arg for o in node.options or ()}
        language = texts(given.get("language"))
        if language and language[0].lower() not in _LANGUAGES:
            self.refused = f"a function in {language[0]}"
        self.definer = bool(getattr(given.get("security"), "boolval", False))
        yield Act(
            "create", "function", name, parameters(node.parameters), unsure=bool(node.replace)
        )

    def below(self, node: Any) -> Iterator[Act]:
        """Yield a policy or trigger of a table."""
        kind = "trigger" if hasattr(node, "trigname") else "policy"
        verb = "change" if type(node).__name__.startswith("Alter") else "create"
        owner = node.relation if kind == "trigger" else node.table
        name = node.trigname if kind == "trigger" else node.policy_name
        yield Act(verb, kind, f"{relation(owner, self.schema)}.{name}")

    def alter_table(self, node: Any) -> Iterator[Act]:
        """Yield a table and what is done below it."""
        kind, table = self._kind(node.objtype), relation(node.relation, self.schema)
        yield Act("change", kind, table)
        for command in node.cmds:
            what = command.subtype.name
            if what == "AT_DropColumn":
                cascade = command.behavior.name == "DROP_CASCADE"
                yield Act("drop", "column", f"{table}.{command.name}", cascade=cascade)
            elif what == "AT_AddColumn":
                name = f"{table}.{command.def_.colname}"
                yield Act("create", "column", name, unsure=bool(command.missing_ok))
            elif what in {"AT_DisableRowSecurity", "AT_NoForceRowSecurity"}:
                yield Act("unprotect", "table", table)
            elif what in {"AT_EnableRowSecurity", "AT_ForceRowSecurity"}:
                yield Act("protect", "table", table)
            elif what == "AT_AlterColumnType":
                yield Act("retype", "column", f"{table}.{command.name}")
            elif what == "AT_ChangeOwner":
                yield Act("grant", kind, table)
            elif what.startswith(("AT_DisableTrig", "AT_DisableRule")):
                self.refused = "a trigger or rule is switched off"

    def rename(self, node: Any) -> Iterator[Act]:
        """Yield an object under its old and its new name."""
        kind = self._kind(node.renameType)
        if not kind:
            return
        if kind == "schema":
            yield Act("change", kind, node.subname)
            yield Act("create", kind, node.newname)
        elif kind in _BELOW_A_TABLE:
            table = relation(node.relation, self.schema)
            yield Act("change", kind, f"{table}.{node.subname}")
            yield Act("create", kind, f"{table}.{node.newname}")
        else:
            old = self._object(kind, node)
            yield old
            schema = old.name.partition(".")[0]
            yield Act("create", kind, f"{schema}.{node.newname}", old.arguments)

    def _object(self, kind: str, node: Any, verb: str = "change") -> Act:
        if getattr(node, "relation", None) is not None:
            return Act(verb, kind, relation(node.relation, self.schema))
        return self._named(verb, kind, node.object)

    def move(self, node: Any) -> Iterator[Act]:
        """Yield an object in its old and its new schema."""
        if kind := self._kind(node.objectType):
            old = self._object(kind, node)
            yield old
            new = f"{node.newschema}.{old.name.partition('.')[2]}"
            yield Act("create", kind, new, old.arguments)

    def own(self, node: Any) -> Iterator[Act]:
        """Yield an object that gets another owner."""
        if kind := self._kind(node.objectType):
            yield self._object(kind, node, "grant")

    def alter_function(self, node: Any) -> Iterator[Act]:
        """Yield a changed function."""
        found = {o.defname: o.arg for o in node.actions or ()}
        self.definer = bool(getattr(found.get("security"), "boolval", False))
        yield self._named("change", "function", node.func)

    def alter_type(self, node: Any) -> Iterator[Act]:
        """Yield a changed type."""
        yield Act("change", "type", qualified(texts(node.typeName), self.schema))

    def alter_sequence(self, node: Any) -> Iterator[Act]:
        """Yield a changed sequence."""
        yield Act("change", "sequence", relation(node.sequence, self.schema))

    def refresh(self, node: Any) -> Iterator[Act]:
        """Yield a materialised view that is filled anew."""
        yield Act("change", "table", relation(node.relation, self.schema))

    def comment(self, node: Any) -> Iterator[Act]:
        """Yield an object that is commented on."""
        if kind := self._kind(node.objtype):
            yield self._named("change", kind, node.object)

    def grant(self, node: Any) -> Iterator[Act]:
        """Yield objects on which rights are given or taken."""
        kind = self._kind(node.objtype)
        if node.targtype.name != "ACL_TARGET_OBJECT":
            self.refused = "rights over every object of a schema"
            return
        for item in node.objects if kind else ():
            if type(item).__name__ == "RangeVar":
                yield Act("grant", kind, relation(item, self.schema))
            else:
                yield self._named("grant", kind, item)
