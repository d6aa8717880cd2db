"""What docs/ledger.md says of chain, states and privileges is so, and its commands run."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lanectl.adapters.ledger.grants import WANTED
from lanectl.config import parse_operator
from lanectl.formats import event
from lanectl.model.ledger import CLAIMED_ONLY, MOVES, STRICT, EventKind
from lanectl.model.names import Digest
from lanectl.model.settings import Backend, LedgerPin
from tests.world import World

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs/ledger.md").read_text()
RUN = dict(re.findall(r"<!-- run: ([a-z]+) -->\n```sh\n(.*?)```", PAGE, re.DOTALL))


def rows(name: str) -> list[list[str]]:
    """The cells of a marked table, without its head."""
    part = PAGE.partition(f"<!-- {name}:begin -->")[2].partition(f"<!-- {name}:end -->")[0]
    lines = [line for line in part.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_the_event_has_the_link_that_the_page_says() -> None:
    said = re.search(r"number (\d+) of its ledger, after `(.+?)`, and its hash is `(.+?)`", PAGE)
    shown = re.search(r"<!-- event: \d+ -->\n```json\n(.*?)\n```", PAGE)
    assert said
    assert shown
    body = shown[1].encode()
    assert event.read(body)[1].kind is EventKind.REFUSED
    assert event.link(Digest(said[2]), int(said[1]), body) == said[3]


def test_the_states_are_those_of_the_model() -> None:
    told = {
        EventKind(kind.strip("`")): (
            tuple(None if state == "none" else state for state in states.split(", ")),
            otherwise == "refused",
            claim == "yes",
        )
        for kind, states, otherwise, claim in rows("moves")
    }
    assert told == {k: (v, k in STRICT, k in CLAIMED_ONLY) for k, v in MOVES.items()}
    assert [k for k in EventKind if f"`{k.value}`" not in PAGE] == []


def test_the_privileges_are_those_that_migrate_wants() -> None:
    told = {role.strip("`"): may for roles, may in rows("privileges") for role in roles.split(", ")}
    for wanted in WANTED - {f"{r}: USAGE on the schema" for r in told}:
        role, _, what = wanted.partition(": ")
        verb, _, place = what.partition(" on ")
        name = place.partition("(")[0].partition(".")[0]
        assert verb in told[role], wanted
        assert f"`{name}`" in told[role], wanted
    names = {role: set(re.findall(r"`(\w+)`", may)) for role, may in told.items()}
    for role in ("anon", "authenticated", "service_role"):
        granted = {
            n for w in WANTED if w.startswith(f"{role}: ") for n in re.findall(r"\b[a-z_]+\b", w)
        }
        assert names[role] <= granted


def test_every_key_of_the_ledgers_section_is_in_a_sample() -> None:
    page = (ROOT / "docs/configuration.md").read_text()
    whole, *sections = re.findall(
        r"<!-- sample: (?:enforcer\.toml|ledger in \w+) -->\n```toml\n(.*?)```", page, re.DOTALL
    )
    pins = dict.fromkeys(LedgerPin.__struct_fields__, "")
    for section in (whole.partition("[ledger]")[2], *sections):
        text = whole.partition("[ledger]")[0] + "[ledger]" + section.removeprefix("[ledger]")
        ledger = parse_operator(text.encode(), "enforcer.toml").ledger
        assert ledger.id
        pins |= {name: section for name in pins if re.search(rf"^{name} = ", section, re.MULTILINE)}
        assert f'backend = "{ledger.backend}"' in section
    assert len(sections) == len(Backend) - 1
    assert "" not in pins.values()


@pytest.mark.skipif(shutil.which("jq") is None, reason="the page's commands use jq")
def test_an_auditor_can_recompute_the_chain(world: World) -> None:
    world.apply(world.packed())
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    assert set(RUN) == {"link", "chain", "export"}
    done = subprocess.run(
        ["/bin/sh", "-eu", "-c", "\n".join(["exec 2>&1", *RUN.values()])],
        cwd=world.enforcer, env={**os.environ, "PATH": path}, capture_output=True, check=False, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    said = done.stdout.splitlines()
    computed = next(line for line in said if line.endswith("  -"))
    assert said[said.index(computed) + 1] == computed.partition(" ")[0]
    assert {"every hash holds", "every link holds", "GOOD"} <= set(said)
