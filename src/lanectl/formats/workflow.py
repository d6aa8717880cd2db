"""A GitHub Actions workflow: bytes to its frozen model. Refuses what GitHub would not start, too.

It reads what checks/workflow.py asks for and lets the rest be; nothing is executed or looked up.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NoReturn

from msgspec.structs import replace

from lanectl.formats import yaml
from lanectl.formats.fields import Fields
from lanectl.model.ref_filters import RefFilter
from lanectl.model.report import MalformedError
from lanectl.model.workflow import EVERY_SCOPE, Job, Runner, Step, Trigger, Workflow

if TYPE_CHECKING:
    from collections.abc import Sized

_RULE = "workflow/malformed"
_LIMIT = 512 << 10
_MOST = 128
_NOTHING = {"", "~", "null", "Null", "NULL"}
_MATRIX = re.compile(r"\$\{\{\s*matrix\.([\w-]+)\s*\}\}")
_ACCESS = {"read", "write", "none"}

_fields = Fields(_RULE)


def read(path: str, data: bytes) -> Workflow:
    """Return the workflow of this path. Raises MalformedError `workflow/malformed`, naming it."""
    try:
        return _workflow(path, yaml.load(data, rule=_RULE, limit=_LIMIT))
    except MalformedError as error:
        where = f"{path}: {error.fault.where}" if error.fault.where else path
        raise MalformedError(replace(error.fault, where=where)) from error


def _workflow(path: str, value: Any) -> Workflow:
    document = _mapping(value, "the document")
    if "on" not in document or "jobs" not in document:
        _refuse("the document", ", ".join(document), "on and jobs")
    env = _env(document, "env")
    return Workflow(
        path=path,
        name=_text(document.get("name", ""), "name") or path,
        triggers=_triggers(document["on"]),
        permissions=_permissions(document, "permissions"),
        jobs=tuple(_job(i, j, env) for i, j in _mapping(document["jobs"], "jobs").items()),
        texts=tuple(yaml.texts({k: v for k, v in document.items() if k not in {"on", "jobs"}})),
    )


def _triggers(value: Any) -> tuple[Trigger, ...]:
    if isinstance(value, dict):
        return tuple(_trigger(event, said) for event, said in value.items())
    return tuple(Trigger(event) for event in _list(value, "on"))


def _trigger(event: str, value: Any) -> Trigger:
    where = f"on.{event}"
    if event == "schedule":  # a list of times; nobody's change starts it
        return Trigger(event)
    said = _mapping(value, where)
    branches = None
    if "branches" in said:
        branches = RefFilter(_list(said["branches"], f"{where}.branches"))
    elif "branches-ignore" in said:
        branches = RefFilter.ignoring(_list(said["branches-ignore"], f"{where}.branches-ignore"))
    tags = "tags" in said or "tags-ignore" in said
    return Trigger(
        event,
        branches,
        tags_only=tags and branches is None,
        workflows=_list(said.get("workflows", []), f"{where}.workflows"),
    )


def _permissions(holder: dict[str, Any], where: str) -> dict[str, str] | None:
    value = holder.get("permissions", "")
    if isinstance(value, str) and value in _NOTHING:
        return None
    if value in ("read-all", "write-all"):
        return {EVERY_SCOPE: value.removesuffix("-all")}
    scopes = _texts(value, where)
    for scope, access in scopes.items():
        if access not in _ACCESS:
            _refuse(f"{where}.{scope}", access, "read, write or none")
    return scopes


def _job(name: str, value: Any, env: dict[str, str]) -> Job:
    where = f"jobs.{name}"
    said = _mapping(value, where)
    uses = _text(said.get("uses", ""), f"{where}.uses")
    seen = env | _env(said, f"{where}.env")
    return Job(
        id=name,
        uses=uses,
        runner=_runner(said, where),
        permissions=_permissions(said, f"{where}.permissions"),
        inherits_secrets=said.get("secrets") == "inherit",
        steps=tuple(
            _step(step, f"{where}.steps[{n}]", seen)
            for n, step in enumerate(_items(said.get("steps", []), f"{where}.steps"))
        ),
        texts=tuple(yaml.texts(_with_conditions(said))),
    )


def _step(value: Any, where: str, env: dict[str, str]) -> Step:
    said = _mapping(value, where)
    return Step(
        uses=_text(said.get("uses", ""), f"{where}.uses"),
        run=_text(said.get("run", ""), f"{where}.run"),
        inputs=_texts(said.get("with"), f"{where}.with"),
        env=env | own if (own := _env(said, f"{where}.env")) else env,
    )


def _with_conditions(value: Any) -> Any:
    """Return a job in which each `if` is an expression, as GitHub takes it without the braces."""
    steps = value.get("steps", [])
    parts = [value, *(steps if isinstance(steps, list) else [])]
    found = [p["if"] for p in parts if isinstance(p, dict) and isinstance(p.get("if"), str)]
    return [value, *(f"${{{{ {text} }}}}" for text in found if "${{" not in text)]


def _runner(job: dict[str, Any], where: str) -> Runner:
    value = job.get("runs-on", [])
    group = ""
    if isinstance(value, dict):
        group = _text(value.get("group", ""), f"{where}.runs-on.group")
        value = value.get("labels", [])
    labels = _list(value, f"{where}.runs-on")
    _limit(labels, f"{where}.runs-on")
    matrix = _matrix(job)
    return Runner(tuple(one for label in labels for one in _resolved(label, matrix)), group)


def _matrix(job: dict[str, Any]) -> dict[str, Any]:
    strategy = job.get("strategy")
    matrix = strategy.get("matrix") if isinstance(strategy, dict) else None
    return matrix if isinstance(matrix, dict) else {}


def _resolved(label: str, matrix: dict[str, Any]) -> list[str]:
    """Return every label that `${{ matrix.x }}` can stand for, or the expression itself."""
    match = _MATRIX.fullmatch(label.strip())
    if match is None:
        return [label]
    values, include = matrix.get(match[1], []), matrix.get("include", [])
    if not isinstance(values, list) or not isinstance(include, list):
        return [label]
    more = [i[match[1]] for i in include if isinstance(i, dict) and match[1] in i]
    found = [*values, *more]
    return found if found and all(isinstance(v, str) for v in found) else [label]


def _mapping(value: Any, where: str) -> dict[str, Any]:
    if isinstance(value, str) and value in _NOTHING:
        return {}
    if not isinstance(value, dict):
        _refuse(where, _kind(value), "a mapping")
    return value


def _items(value: Any, where: str) -> list[Any]:
    if not isinstance(value, list):
        _refuse(where, _kind(value), "a list")
    return value


def _list(value: Any, where: str) -> tuple[str, ...]:
    """Return a list of texts; one text stands for a list of itself."""
    items = [value] if isinstance(value, str) else _items(value, where)
    return tuple(_text(item, where) for item in items)


def _texts(value: Any, where: str) -> dict[str, str]:
    """Return a mapping of texts; an expression in its place counts under no name."""
    if value is None:
        return {}
    if isinstance(value, str) and "${{" in value:
        return {"": value}
    return _fields.texts(_mapping(value, where), where)


def _env(holder: dict[str, Any], where: str) -> dict[str, str]:
    found = _texts(holder.get("env"), where)
    _limit(found, where)
    return found


def _limit(items: Sized, where: str) -> None:
    """Refuse so many that all steps times all of them would be the work of minutes."""
    if len(items) > _MOST:
        _refuse(where, f"{len(items)} entries", f"at most {_MOST}")


def _text(value: Any, where: str) -> str:
    return _fields.text(value, where)


def _kind(value: Any) -> str:
    return "a text" if isinstance(value, str) else type(value).__name__


def _refuse(where: str, got: str, expected: str) -> NoReturn:
    _fields.refuse(where, got, expected)
