"""pip's requirements files. Reads pins; what fixes nothing is counted, and said to be a gap.

A requirement that names a project without fixing its version becomes a component without one: the
project will be there, and who searches for its name must find it. A path or address that names
nothing is only counted. So is a pin without a hash: only where all have one does pip refuse to
install more than is listed.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lanectl.formats.lockfiles.components import WITHOUT_VERSION, address, pypi
from lanectl.formats.lockfiles.fields import MOST, decode, gaps, refuse
from lanectl.model.sbom import Component, Lockfile, merge

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_BYTE_ORDER_MARK = "\ufeff"
# Possessive (`++`, `*+`) wherever a run could be tried again: no input makes these quadratic.
_COMMENT = re.compile(r"(?:^|\s)#.*")
_OPTIONS = re.compile(r"\s--?[A-Za-z]")
_HASH = re.compile(r"""(?<![^\s"'])--hash(?:\s*+=\s*+|\s++)["']?([^\s"':]++):([^\s"']++)""")
_FRAGMENT_HASH = re.compile(r"[#&](md5|sha1|sha256|sha384|sha512)=([^&\s]++)")
_EGG = re.compile(r"[#&]egg=([A-Za-z0-9._-]++)")
# Anywhere among options, and as short as pip's option parser takes it.
_INCLUDE = re.compile(r"(?:^|\s)(?:-r|--requirem)")
_EDITABLE = re.compile(r"(?:^|\s)(?:-e|--ed[a-z]*)[\s=]*+(\S*)")
_ENCODING = re.compile(rb"#.*?coding[:=]\s*([-\w.]+)")
_NAME = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*+)(?<![._-])\s*+(?:\[[^\]]*+\])?\s*+")
_CLAUSE = re.compile(r"\s*+(===|==|~=|!=|<=|>=|<|>)\s*+([^\s()=][^\s()]*+)\s*+")
_ADDRESS = re.compile(
    r"\.|[a-z0-9+.-]+:|[^\s;=<>!~\[]*(?:/|\.(?:whl|zip|tgz|tar\.[a-z0-9]+)(?=\s|;|$))",
    re.IGNORECASE,
)
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f]")


def read(data: bytes) -> Lockfile:
    """Return what a requirements file pins. Raises MalformedError `sbom/lockfile`."""
    for line in data.split(b"\n", 2)[:2]:  # where pip looks for PEP 263's declaration
        declared = _ENCODING.match(line)
        if declared and declared[1].lower() not in {b"utf-8", b"utf8", b"ascii"}:
            refuse(f"coding: {declared[1][:80].decode('ascii', 'replace')}", "UTF-8")
    lines = decode(data).removeprefix(_BYTE_ORDER_MARK).splitlines()
    if len(lines) > MOST:
        refuse(f"{len(lines)} lines", f"at most {MOST}")
    found = [_entry(line) for line in _logical_lines(lines)]
    return Lockfile(merge(c for c, _ in found if c), gaps(reason for _, reason in found))


def _logical_lines(lines: Sequence[str]) -> Iterator[str]:
    """Yield lines as pip joins them, without comments: a comment line ends a continuation."""
    parts: list[str] = []
    for line in lines:
        is_comment = line.lstrip().startswith("#")
        if line.endswith("\\") and not is_comment:
            parts.append(line.rstrip("\\"))
            continue
        parts.append(" " + line if is_comment else line)
        yield _COMMENT.sub("", "".join(parts)).strip()
        parts = []
    yield _COMMENT.sub("", "".join(parts)).strip()


def _entry(line: str) -> tuple[Component | None, str]:
    """Return the component that a line names, if it names one, and what it leaves open."""
    if line.startswith("-"):
        return _option(re.sub(r"[\"'\\]", "", line))
    if not line:
        return None, ""
    if control := _CONTROL.search(line):
        refuse(f"the control character {control[0]!r}", "a requirement in printable text")
    options = _OPTIONS.search(line)
    end = options.start() if options else len(line)
    return _requirement(line[:end], _hashes(line[end:]))


def _option(line: str) -> tuple[Component | None, str]:
    if _INCLUDE.search(line):
        return None, "included file"
    if editable := _EDITABLE.search(line):
        return _unnamed(editable[1])
    return None, ""  # where to look and how to install: nothing that gets installed


def _requirement(line: str, found: list[tuple[str, str]]) -> tuple[Component | None, str]:
    name = _NAME.match(line)
    rest = line[name.end() :] if name else ""
    if name and rest.startswith("@"):
        url = rest[1:].strip().partition(" ")[0]
        found += _FRAGMENT_HASH.findall(url)
        return pypi(name[1], "", found, address(url)), WITHOUT_VERSION
    if _ADDRESS.match(line):
        return _unnamed(line)
    clauses = _clauses(rest.partition(";")[0])
    if name is None or clauses is None:
        return None, "not a requirement"
    version = _pin(clauses)
    pinned = "" if found else "without a hash"
    return pypi(name[1], version, found), pinned if version else WITHOUT_VERSION


def _unnamed(where: str) -> tuple[Component | None, str]:
    if egg := _EGG.search(where):
        return pypi(egg[1], "", _FRAGMENT_HASH.findall(where), address(where)), WITHOUT_VERSION
    return None, "path or address without a name"


def _hashes(options: str) -> list[tuple[str, str]]:
    found = _HASH.findall(options)
    if len(found) != options.count("--hash"):
        refuse(f"options {options[:80]!r}", "--hash=algorithm:hex")
    return found


def _clauses(specifier: str) -> list[tuple[str, str]] | None:
    """Return (operator, version) pairs, or None if that is no version specifier."""
    inner = specifier.strip()
    if inner.startswith("(") and inner.endswith(")"):
        inner = inner[1:-1]
    matches = [_CLAUSE.fullmatch(c) for c in inner.split(",") if c.strip()]
    return [(m[1], m[2]) for m in matches if m] if all(matches) else None


def _pin(clauses: list[tuple[str, str]]) -> str:
    """Return the one version that is left, or nothing: pip fills `${NAME}` in from outside."""
    exact = {v for operator, v in clauses if operator in {"==", "==="}}
    if any(v.endswith("*") or "${" in v for v in exact):
        return ""
    return exact.pop() if len(exact) == 1 else ""
