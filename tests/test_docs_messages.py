"""What the troubleshooting page quotes is what lanectl prints; the rules it names are there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from lanectl.checks import RULES
from lanectl.errors import ExitCode

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs/troubleshooting.md").read_text()


def texts(source: str) -> set[str]:
    """Every text of a module that is no docstring; `…` stands for what is put in."""
    tree = ast.parse(source)
    statements = {id(n.value) for n in ast.walk(tree) if isinstance(n, ast.Expr)}
    return {
        "".join(str(p.value) if isinstance(p, ast.Constant) else "…" for p in parts)
        for node in ast.walk(tree)
        if isinstance(node, ast.JoinedStr | ast.Constant)
        and id(node) not in statements
        and (parts := node.values if isinstance(node, ast.JoinedStr) else [node])
    }


def quoted(page: str) -> list[str]:
    """The messages that are headings of the marked part."""
    part = page.partition("<!-- messages:begin -->")[2].partition("<!-- messages:end -->")[0]
    return re.findall(r"^### `(.+)`$", part, re.MULTILINE)


PRINTED = set().union(*(texts(f.read_text()) for f in (ROOT / "src/lanectl").rglob("*.py")))


def is_printed(message: str) -> bool:
    """Whether a message, or the part of one, stands in the code."""
    return any(message in text for text in PRINTED)


def test_texts_are_found_with_their_holes_and_without_docstrings() -> None:
    source = '"""Doc."""\ndef f(x):\n    """Doc of f."""\n    raise E(f"no {x} " "here", "why")\n'
    assert texts(source) == {"no … here", "no ", " here", "why"}


def test_every_quoted_message_is_printed() -> None:
    messages = quoted(PAGE)
    assert len(messages) >= 20
    assert len(messages) == len(re.findall(r"^### ", PAGE, re.MULTILINE))
    assert [m for m in messages if not is_printed(m)] == []
    assert not is_printed("no such message as this")


def test_every_rule_it_links_exists_and_names_its_title() -> None:
    linked = re.findall(r"\[`([^`]+)`\]\(rules\.md#([^)]+)\)", PAGE)
    assert linked
    assert [a for a, b in linked if a != b or a not in RULES] == []
    for title, rule in re.findall(r"^### `(.+)`\n\n\[`([^`]+)`\]\(rules", PAGE, re.MULTILINE):
        assert RULES[rule].title == title


def test_every_exit_code_that_is_not_success_has_a_line() -> None:
    codes = {int(c) for c in re.findall(r"^\| (\d+) \|", PAGE, re.MULTILINE)}
    assert codes == set(ExitCode) - {ExitCode.OK}
