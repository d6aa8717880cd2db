"""From a parsed statement to what it does. A statement that has no reader here is refused."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from lanectl.formats.sql.names import DEFAULT_SCHEMA, nodes, relation, texts
from lanectl.formats.sql.objects import Objects
from lanectl.model.sql import Act, SqlStatement

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_SETTINGS = frozenset({
    "lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout", "search_path",
    "client_min_messages", "client_encoding", "check_function_bodies", "standard_conforming_strings",
})  # fmt: skip
_TOKEN = re.compile(r"\w+")
_INSIDE = re.compile(
    r"\b(?:create|alter|drop|comment|grant|revoke|insert|update|delete)\b", re.IGNORECASE
)
_PIECES = 500


class Reader(Objects):
    """Reads statements in order; `SET search_path` changes what a bare name means."""

    def __init__(self) -> None:
        super().__init__()
        self.statements: list[SqlStatement] = []
        self.dynamic = False
        self._transaction = ""

    def take(self, node: Any, number: int, line: int, source: str) -> None:
        """Read one statement."""
        words = " ".join(_TOKEN.findall(source)[:3])
        read = _READERS.get(type(node).__name__)
        self.definer, self.refused, self._transaction = False, "", ""
        acts: tuple[Act, ...] = ()
        if read is None:
            self.refused = f"{words}: no statement of a rollback"
            if type(node).__name__ in {"DoStmt", "CallStmt", "ExecuteStmt"}:
                self.dynamic = True
                acts = tuple(self._inside(node))
        else:
            acts = tuple(read(self, node))
        calls = tuple(self._calls(node)) if type(node).__name__ in _RUN else ()
        reads = tuple(self._reads(node)) if type(node).__name__ in _QUERIES else ()
        self.statements.append(
            SqlStatement(
                number, line, words, acts, self.refused, self.definer, calls, reads,
                self._transaction,
            )
        )  # fmt: skip

    def _inside(self, node: Any) -> Iterator[Act]:
        """Yield what statements inside a `DO` block do, as far as each can be cut out and parsed."""
        import pglast

        body = "".join(str(n.sval) for n in nodes(node) if type(n).__name__ == "String")
        for piece in body.split(";")[:_PIECES]:
            begin = _INSIDE.search(piece)
            if begin is None or len(piece) > 10_000:
                continue
            try:
                parsed = pglast.parse_sql(piece[begin.start() :])
            except pglast.Error:
                continue
            for raw in parsed:
                read = _READERS.get(type(raw.stmt).__name__)
                yield from read(self, raw.stmt) if read else ()

    def _calls(self, node: Any) -> Iterator[str]:
        for found in nodes(node):
            if type(found).__name__ == "FuncCall":
                yield ".".join(w for w in texts(found.funcname) if w != "pg_catalog")

    def _reads(self, node: Any) -> Iterator[str]:
        own = {n.ctename for n in nodes(node) if type(n).__name__ == "CommonTableExpr"}
        for found in nodes(node):
            is_table = type(found).__name__ == "RangeVar"
            if is_table and (found.schemaname or found.relname not in own):
                yield relation(found, self.schema)

    # rows -----------------------------------------------------------------------------------------

    def rows(self, node: Any) -> Iterator[Act]:
        """Yield whose rows are written, at any depth of the statement."""
        for found in nodes(node):
            what = type(found).__name__
            if what in {"InsertStmt", "UpdateStmt", "DeleteStmt"}:
                all_of_it = what != "InsertStmt" and not _names_columns(found.whereClause)
                table = relation(found.relation, self.schema)
                columns = [t.name for t in found.targetList or ()] if what == "UpdateStmt" else []
                yield Act("write", "table", table)
                if all_of_it and not columns:
                    yield Act("wipe", "table", table)
                for column in columns if all_of_it else ():
                    yield Act("wipe", "column", f"{table}.{column}")
            elif what == "IntoClause" and found.rel is not None:
                yield self.made("table", found.rel, unsure=False)

    def truncate(self, node: Any) -> Iterator[Act]:
        """Yield tables that are emptied."""
        cascade = node.behavior.name == "DROP_CASCADE"
        for item in node.relations:
            yield Act("wipe", "table", relation(item, self.schema), cascade=cascade)

    def lock(self, node: Any) -> Iterator[Act]:
        """Yield tables that are locked."""
        for item in node.relations:
            yield Act("change", "table", relation(item, self.schema))

    # the session ----------------------------------------------------------------------------------

    def set(self, node: Any) -> Iterator[Act]:
        """Refuse settings but harmless ones; follow the search path."""
        if node.name not in _SETTINGS:
            self.refused = f"the setting {node.name or 'ALL'}"
        if node.name == "search_path":
            values = [texts(a.val) for a in node.args or () if hasattr(a, "val")]
            self.schema = values[0][0] if values and values[0] else DEFAULT_SCHEMA
        yield from ()

    def transact(self, node: Any) -> Iterator[Act]:
        """Refuse all of a transaction but its beginning and its end."""
        kind = node.kind.name.removeprefix("TRANS_STMT_").lower()
        self._transaction = {"start": "begin"}.get(kind, kind)
        if self._transaction not in {"begin", "commit"} or node.chain:
            self.refused = f"the transaction is not only begun and committed ({kind})"
        yield from ()

    def nothing(self, _: Any) -> Iterator[Act]:
        """Yield nothing: a statement that touches no object."""
        yield from ()


def _names_columns(condition: Any) -> bool:
    """Whether a condition looks at rows at all: `WHERE true` is none."""
    return any(type(node).__name__ == "ColumnRef" for node in nodes(condition))


_QUERIES = frozenset({"SelectStmt", "InsertStmt", "UpdateStmt", "DeleteStmt", "CreateTableAsStmt"})
_RUN = _QUERIES | {"AlterTableStmt", "IndexStmt"}
_READERS: dict[str, Callable[[Reader, Any], Iterator[Act]]] = {
    "DropStmt": Reader.drop, "CreateStmt": Reader.create_table, "ViewStmt": Reader.create_view,
    "CreateTableAsStmt": Reader.create_as, "CreateSeqStmt": Reader.create_sequence,
    "IndexStmt": Reader.create_index, "CreateEnumStmt": Reader.create_type,
    "CreateDomainStmt": Reader.create_type, "CreateRangeStmt": Reader.create_type,
    "CompositeTypeStmt": Reader.create_composite, "CreateSchemaStmt": Reader.create_schema,
    "CreateFunctionStmt": Reader.create_function, "CreateTrigStmt": Reader.below,
    "CreatePolicyStmt": Reader.below, "AlterPolicyStmt": Reader.below,
    "AlterTableStmt": Reader.alter_table, "RenameStmt": Reader.rename,
    "AlterObjectSchemaStmt": Reader.move, "AlterOwnerStmt": Reader.own,
    "AlterFunctionStmt": Reader.alter_function, "AlterEnumStmt": Reader.alter_type,
    "AlterDomainStmt": Reader.alter_type, "AlterSeqStmt": Reader.alter_sequence,
    "RefreshMatViewStmt": Reader.refresh, "CommentStmt": Reader.comment,
    "GrantStmt": Reader.grant, "InsertStmt": Reader.rows, "UpdateStmt": Reader.rows,
    "DeleteStmt": Reader.rows, "SelectStmt": Reader.rows, "TruncateStmt": Reader.truncate,
    "LockStmt": Reader.lock, "VariableSetStmt": Reader.set, "TransactionStmt": Reader.transact,
    "NotifyStmt": Reader.nothing,
}  # fmt: skip
