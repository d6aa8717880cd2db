"""The components' delta of two trees: what came, went and changed, and what nobody can tell."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lanectl.formats.sbom_delta import component_delta
from lanectl.model.sbom import ComponentDelta

R = b"requirements.txt"
A = "0" * 64


def pinned(*lines: str) -> bytes:
    return "".join(f"{line} --hash=sha256:{A}\n" for line in lines).encode()


def test_added_removed_and_changed() -> None:
    delta = component_delta(
        {R: pinned("kept==1", "gone==2", "moved==1")}, {R: pinned("kept==1", "new==3", "moved==2")}
    )
    assert delta == ComponentDelta(
        added=("pkg:pypi/new@3",), removed=("pkg:pypi/gone@2",),
        changed=("pkg:pypi/moved@1 -> pkg:pypi/moved@2",),
    )  # fmt: skip


def test_other_hashes_of_the_same_version_are_a_change() -> None:
    old, new = (pinned("x==1").replace(A.encode(), d) for d in (A.encode(), b"1" * 64))
    assert component_delta({R: old}, {R: new}).changed == ("pkg:pypi/x@1 (other hashes)",)
    assert component_delta({R: old}, {R: old}) == ComponentDelta()


def test_another_origin_is_a_change() -> None:
    new = pinned("x @ git+https://evil.test/x@" + "a" * 40)
    (line,) = component_delta({R: pinned("x==1")}, {R: new}).changed
    assert line.startswith("pkg:pypi/x@1 -> pkg:pypi/x")
    assert "evil.test" in line


def test_several_versions_of_one_name() -> None:
    other = b"sub/requirements.txt"
    (line,) = component_delta(
        {R: pinned("x==1"), other: pinned("x==2")}, {R: pinned("x==1"), other: pinned("x==3")}
    ).changed
    assert line == "pkg:pypi/x@1, pkg:pypi/x@2 -> pkg:pypi/x@1, pkg:pypi/x@3"


def test_what_moves_to_another_lockfile_has_not_changed() -> None:
    assert component_delta({R: pinned("x==1")}, {b"a/" + R: pinned("x==1")}) == ComponentDelta()


def test_what_cannot_be_read_is_a_gap() -> None:
    delta = component_delta({R: pinned("x==1")}, {R: None, b"uv.lock": b"\xff"})
    assert delta.removed == ("pkg:pypi/x@1",)
    assert delta.gaps == (
        "result: requirements.txt: too large to be read", "result: uv.lock: malformed",
    )  # fmt: skip


def test_a_path_that_is_no_lockfile_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="not a lockfile"):
        component_delta({}, {b"setup.py": b""})


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=60), st.binary(max_size=60))
def test_any_content_is_safe_to_show(old: bytes, new: bytes) -> None:
    delta = component_delta({R: old, b"uv.lock": new}, {R: new, b"uv.lock": old})
    lines = (*delta.added, *delta.removed, *delta.changed, *delta.gaps)
    assert all(line.isprintable() for line in lines)
