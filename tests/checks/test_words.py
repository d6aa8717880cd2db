"""What the Builder calls its change forges nothing, and no fault repeats it."""

from __future__ import annotations

import pytest

from lanectl.checks import words
from lanectl.model.content import Content, Words


def broken(slug: str = "a-b", title: str = "A title", message: str = "") -> list[str]:
    faults = list(words.check(Content(words=Words(slug, title, message))))
    assert not any(title and title in f.got + f.where for f in faults)
    return [f.rule for f in faults]


@pytest.mark.parametrize(
    "title", ["[bold red]approved[/]", "see [x](javascript:y)", "<img src=x>", "a [/] b"]
)
def test_markup_in_a_title_warns(title: str) -> None:
    assert broken(title=title) == ["words/markup"]


def test_look_alike_letters_warn() -> None:
    assert broken(title="fix the p\u0430yp\u0430l client") == ["words/lookalike"]
    assert broken(message="p\u0430yp\u0430l") == ["words/lookalike"]


@pytest.mark.parametrize(
    "title",
    [
        "fix(api): [JIRA-12] handle Vec<u8> & a < b",
        "Исправить ошибку в API",
        "修复 bug",
        "إصلاح الخطأ",
        "feat: 🎉 café",
        "Add x[i]",
    ],
)
def test_ordinary_words_are_free(title: str) -> None:
    assert (
        broken(title=title, message=f"{title}\n\n- one\n- two\n\nSigned-off-by: A <a@b.c>\n") == []
    )


def test_no_words_no_faults() -> None:
    assert list(words.check(Content())) == []
