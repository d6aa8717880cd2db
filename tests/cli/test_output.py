"""What is shown never holds a secret, wherever in a bundle it stood. Each is put together at run time."""

from __future__ import annotations

import json
import os
import random
import string
from pathlib import Path

import pytest

from tests.world import Ran, World, installed, lanectl, of_copy, write

ANY = string.ascii_letters + string.digits
RANDOM = random.Random(8)


def token() -> str:
    """A GitHub token's form, of no account."""
    return "gh" + "p_" + "".join(RANDOM.choices(ANY, k=36))


def slack() -> str:
    """A token that a slug can hold: lower case, digits and hyphens."""
    digits = "".join(RANDOM.choices(string.digits, k=12))
    return "xo" + f"xb-{digits}-{digits[::-1]}-" + "".join(RANDOM.choices("abcdef234567", k=24))


def leaks(value: str, *ran: Ran) -> list[str]:
    return [text for one in ran for text in (one.out, one.err) if value in text]


def shown_of(world: World, bundle: Path) -> list[Ran]:
    """Run everything that shows a bundle."""
    at = ("--repo", world.enforcer)
    return [
        *(lanectl("verify", bundle, *at, "--format", f) for f in ("text", "json", "sarif", "github")),
        lanectl("inspect", bundle, *at),
        lanectl("inspect", bundle, *at, "--json"),
        lanectl("inspect", bundle, *at, "--patch"),
        lanectl("apply", bundle, *at),
        world.apply(bundle),
        lanectl("ledger", "show", *at),
        lanectl("ledger", "show", *at, "--json"),
    ]  # fmt: skip


def state_holds(value: str, bundle: Path) -> list[str]:
    """Return the files of the Enforcer's state that hold a text, but for the kept bundle itself."""
    folder = Path(os.environ["HOME"]) / ".local/state/lanectl"
    kept = bundle.read_bytes()
    files = [p for p in folder.rglob("*") if p.is_file() and p.read_bytes() != kept]
    return [str(p) for p in files if value.encode() in p.read_bytes()]


PLACES = ("blob", "path", "link", "folder", "title", "message")


def put(world: World, place: str, value: str) -> list[str | Path]:
    """Put a secret somewhere into the Builder's change; return what `pack` needs for it."""
    write(world.builder / "src/f0.py", b"edited\n")
    if place == "blob":
        write(world.builder / "src/f1.py", f"TOKEN = '{value}'\n".encode())
    elif place == "path":
        write(world.builder / f"docs/{value}.txt", b"x\n")
    elif place == "folder":
        write(world.builder / f'docs/"{value}\u00e9/a b.txt', b"x\n")
    elif place == "link":
        (world.builder / "to").symlink_to(f"docs/{value}")
    elif place == "title":
        return ["--title", f"Use {value} here"]
    elif place == "message":
        write(world.root / "message", f"It is\n\n{value}\n".encode())
        return ["--message-file", world.root / "message"]
    return []


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.thorough
def test_pack_refuses_a_secret_and_does_not_say_it(place: str, world: World) -> None:
    value = token()
    extra = put(world, place, value)
    at = ("pack", "--repo", world.builder, "--slug", "x", *extra)
    for ran in (lanectl(*at), lanectl(*at, "--json")):
        assert ran.code == 1, ran.err
        assert "secrets/token" in ran.err
        assert leaks(value, ran) == []


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.thorough
def test_nothing_that_shows_a_bundle_says_its_secret(place: str, world: World) -> None:
    value = token()
    extra = put(world, place, value)
    bundle = hostile_pack(world, "x", extra)
    ran = shown_of(world, bundle)
    assert [r.code for r in ran[:4]] == [1, 1, 1, 1]
    assert "secrets/token" in ran[1].rules
    assert leaks(value, *ran) == []
    assert state_holds(value, bundle) == []
    assert value not in json.dumps(json.loads(ran[2].out))


def hostile_pack(world: World, slug: str, extra: list[str | Path]) -> Path:
    """Pack as a Builder who has a lanectl that judges nothing; what it writes is an ordinary bundle."""
    world.key("builder")
    with (installed(world.root / "hostile") / "checks/__init__.py").open("a") as code:
        code.write("\n\ndef judge_change(*_):\n    return ()\n")
    at = ("--repo", world.builder, "--slug", slug)
    done = of_copy(world.root / "hostile", "pack", *at, *extra)
    assert done.code == 0, done.err
    return Path(done.out.strip())


def test_a_slug_that_is_a_secret_is_not_shown_or_recorded(world: World) -> None:
    value = slack()
    write(world.builder / "src/f0.py", b"edited\n")
    printed = hostile_pack(world, value, [])
    assert value not in str(printed)  # so not even the Builder's own log holds it
    [made] = (world.builder / ".lanectl").rglob("artifact.tar.gz")
    bundle = world.root / "inbox/artifact.tar.gz"
    for file in made.parent.iterdir():
        write(bundle.parent / file.name, file.read_bytes())
    ran = shown_of(world, bundle)
    assert "secrets/token" in ran[1].rules
    assert leaks(value, *ran) == []
    assert state_holds(value, bundle) == []


def test_a_secret_in_sql_and_in_the_sbom_is_not_shown(world: World) -> None:
    value, other = token(), token()
    write(world.builder / "db/migrations/1.sql", b"create table a (b text);\n")
    write(world.builder / "db/rollbacks/1.sql", f"drop table a; -- {value}\n".encode())
    write(world.builder / "requirements.txt", f"left-pad=={other}\n{other}==1.0\n".encode())
    bundle = hostile_pack(world, "sql", [])
    ran = shown_of(world, bundle)
    assert {f["where"] for f in ran[1].json["findings"]} >= {"rollback.sql"}
    for text in (value, other):
        assert leaks(text, *ran) == []
        assert state_holds(text, bundle) == []


def test_what_a_person_types_is_not_repeated(world: World) -> None:
    value = token()
    write(world.builder / "new.txt")
    at = ("pack", "--repo", world.builder, "--json")
    for ran in (
        lanectl(*at, "--slug", value),
        lanectl(*at, "--slug", "x", "--supersedes", value),
        lanectl(*at, "--slug", "x", "--rollback", f"../{value}"),
        lanectl("verify", world.root / value / "artifact.tar.gz", "--repo", world.enforcer, "--json"),
    ):  # fmt: skip
        assert ran.code in {2, 3}, ran.out
        assert leaks(value, ran) == []


def test_findings_read_the_strictest_first_and_a_warning_is_no_failure(world: World) -> None:
    write(world.builder / "README.md", "a \u202e b\n".encode())
    write(world.builder / "src/a.py", "x = 1  # \u202e\n".encode())
    bundle = world.pack("mixed")
    ran = lanectl("verify", bundle, "--repo", world.enforcer)
    assert ran.code == 4
    marks = [line for line in ran.err.splitlines() if not line.startswith(" ")]
    assert marks == ["! held: text/bidi src/a.py:1", "· warning: text/reordered README.md:1"]
    github = lanectl("verify", bundle, "--repo", world.enforcer, "--format", "github").out
    assert github.startswith("::error file=src/a.py,line=1,title=text/bidi::")
    assert "\n::warning file=README.md,line=1,title=text/reordered::" in github
