"""The one strict YAML reader: one document of mappings, lists and texts, nothing ever constructed.

Every scalar stays the text it was written as, so `on` is no boolean. Refused: anything but UTF-8,
duplicate and merge keys, keys that are no texts, a second document, recursion, nesting deeper than
64, and aliases that stand for more than the document could hold without them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

import yaml

from lanectl.model.report import Fault, MalformedError

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_DEPTH = 64
_NODE = 8
"""What a node costs beside the characters of its text, so that empty ones are not free."""

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def load(data: bytes, *, rule: str, limit: int) -> Any:
    """Return the value of a YAML document of at most `limit` bytes; an empty one is "".

    With its aliases written out it may cost eight times as much. Raises MalformedError.
    """
    if len(data) > limit:
        _refuse(rule, f"{len(data)} bytes", f"at most {limit} bytes")
    try:
        reader = _Reader(8 * limit)
        for event in yaml.parse(data.decode("utf-8"), Loader=_Loader):
            reader.take(event)
    except UnicodeDecodeError as error:
        _refuse(rule, f"not UTF-8 at byte {error.start}")
    except yaml.YAMLError as error:
        _refuse(rule, _first_line(error))
    except ValueError as error:
        _refuse(rule, str(error))
    return reader.value


class _Node:
    """A value under construction with its anchor and its cost; a mapping holds one key at a time."""

    __slots__ = ("anchor", "cost", "key", "value")

    def __init__(self, value: Any, anchor: str | None) -> None:
        self.value, self.anchor = value, anchor
        self.key: str | None = None
        self.cost = _NODE


class _Reader:
    """Builds the value from the parser's events with a stack of its own: no recursion."""

    def __init__(self, budget: int) -> None:
        self.value: Any = ""
        self._budget = budget
        self._documents = 0
        self._open: list[_Node] = []
        self._anchors: dict[str, tuple[Any, int]] = {}

    def take(self, event: Any) -> None:
        """Take the parser's next event. Raises ValueError for what is refused."""
        if isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                raise ValueError("more than one document")
        elif isinstance(event, yaml.AliasEvent):
            if event.anchor not in self._anchors:
                raise ValueError("an alias of nothing, or of what it stands in")
            self._add(*self._anchors[event.anchor])
        elif isinstance(event, yaml.ScalarEvent):
            self._finish(_Node(event.value, event.anchor), len(event.value))
        elif isinstance(event, yaml.CollectionStartEvent):
            if len(self._open) == MAX_DEPTH:
                raise ValueError(f"nested deeper than {MAX_DEPTH}")
            value: Any = {} if isinstance(event, yaml.MappingStartEvent) else []
            self._open.append(_Node(value, event.anchor))
        elif isinstance(event, yaml.CollectionEndEvent):
            self._finish(self._open.pop(), 0)

    def _finish(self, node: _Node, more: int) -> None:
        cost = node.cost + more
        if node.anchor is not None:
            self._anchors[node.anchor] = (node.value, cost)
        self._add(node.value, cost)

    def _add(self, value: Any, cost: int) -> None:
        """Put a finished value where it belongs. What is open has paid for what it holds."""
        if not self._open:
            self.value = value
            return
        parent = self._open[-1]
        parent.cost += cost
        if parent.cost > self._budget:
            raise ValueError("aliases that stand for too much")
        if isinstance(parent.value, list):
            parent.value.append(value)
        elif parent.key is None:
            parent.key = _key(value, parent.value)
        else:
            parent.value[parent.key] = value
            parent.key = None


def _key(value: Any, mapping: dict[str, Any]) -> str:
    if not isinstance(value, str):
        raise ValueError("a key that is no text")  # noqa: TRY004 - what is read, not how it is called
    if value == "<<":
        raise ValueError("a merge key, which readers understand differently")
    if value in mapping:
        raise ValueError(f"duplicate key {value[:80]!r}")
    return value


def texts(value: Any) -> Iterator[str]:
    """Yield every text of a loaded value, keys too."""
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, dict):
            stack += [*item.values(), *item]
        else:
            stack += item


def _first_line(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or "not YAML"
    return f"{problem} in line {mark.line + 1}" if mark else str(problem)


def _refuse(rule: str, got: str, expected: str = "one plain YAML document") -> NoReturn:
    raise MalformedError(Fault(rule, got=got[:300], expected=expected))
