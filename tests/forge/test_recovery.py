"""A ledger is lost after pull requests were opened: what the forge holds brings single use back."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from lanectl.adapters.ledger.migrate import migrate
from lanectl.formats import event as bodies
from lanectl.model.ledger import EventKind, LedgerId, NewEvent
from lanectl.model.names import Digest
from tests.forge.admissions import admission_of, publish_by_hand, signed_admission
from tests.forge.world import ForgeWorld
from tests.ledger import on_postgres, rig
from tests.ledger.applying import Enforcer
from tests.ledger.office import pin
from tests.orders import register_people
from tests.world import Ran, git, lanectl, write

SLUGS = ("one", "two", "three")


@pytest.fixture
def story(story: ForgeWorld) -> ForgeWorld:
    register_people(story)
    return story


def packed(story: ForgeWorld, slug: str) -> Path:
    """Pack one new file."""
    file = story.builder / f"{slug}.txt"
    write(file)
    bundle = story.pack(slug)
    file.unlink()
    return bundle


def ledger(story: ForgeWorld, *arguments: str | Path) -> Ran:
    return lanectl("ledger", *arguments, "--repo", story.enforcer, "--json")


def reconcile(story: ForgeWorld, who: str = "ann") -> Ran:
    return ledger(story, "reconcile", "--key", story.key(who), "--reason", "the disk died")


class Shop:
    """Three handoffs with a pull request each. `facts` is what the forge shows of them."""

    def __init__(self, story: ForgeWorld) -> None:
        self.story = story
        self.bundles = {slug: packed(story, slug) for slug in SLUGS}
        self.numbers: dict[str, int] = {}

    def publish(self, *slugs: str) -> None:
        for slug in slugs:
            self.numbers[slug] = self.story.publish(self.bundles[slug])

    def facts(self) -> object:
        view, hub = self.story.view, self.story.hub
        pulls = view.pulls()
        checks = {commit: view.checks(commit) for _, _, commit in pulls}
        labels = {number: view.labels(number) for number, _, _ in pulls}
        return pulls, checks, labels, git(hub, "for-each-ref")

    def digests(self, *slugs: str) -> set[str]:
        return {f"sha256:{Digest.of(self.bundles[s].read_bytes())}" for s in slugs}

    def is_recovered(self, *lost: str) -> None:
        """Refused, reconciled by a lead alone, and then all three are what they were."""
        story, before = self.story, self.facts()
        refused = story.apply(self.bundles["three"], "--pr")
        assert refused.code == 3, refused.err
        assert reconcile(story, "enforcer").code == 3
        done = reconcile(story)
        assert done.code == 0, done.err
        assert {r["bundle"] for r in done.json["recovered"]} == self.digests(*lost)
        assert done.json["skipped"] == []
        for _ in range(2):
            for slug, number in self.numbers.items():
                again = story.apply(self.bundles[slug], "--pr")
                assert again.code == 0, again.err
                assert (again.json["state"], again.json["pull_request"]["number"]) == (
                    "found", number,
                )  # fmt: skip
        assert self.facts() == before
        good = ledger(story, "verify")
        assert (good.code, good.json["outcome"]) == (0, "good"), good.err
        rows = ledger(story, "show").json["handoffs"]
        assert sorted(r["slug"] for r in rows) == sorted(SLUGS)
        assert {r["state"] for r in rows} == {"published"}


def forget_bundles(enforcer: Enforcer) -> None:
    """Lose what this machine keeps, so that the forge alone has it."""
    shutil.rmtree(enforcer.store.folder / "bundles")


@pytest.mark.e2e
def test_an_older_copy(story: ForgeWorld) -> None:
    shop, enforcer = Shop(story), Enforcer(story)
    shop.publish("one")
    saved = enforcer.saved()
    shop.publish("two", "three")
    enforcer.restore(saved)
    forget_bundles(enforcer)
    shop.is_recovered("two", "three")


@pytest.mark.e2e
def test_no_copy_and_one_is_merged(story: ForgeWorld) -> None:
    shop, enforcer = Shop(story), Enforcer(story)
    shop.publish(*SLUGS)
    story.merge(shop.numbers["one"])
    story.fetch_enforcer()
    enforcer.lose()
    forget_bundles(enforcer)
    shop.is_recovered(*SLUGS)


@contextlib.contextmanager
def database(template: str) -> Iterator[str]:
    """Yield the name of a copy of a database."""
    server = rig.server(rig.DEFAULT)
    name = server.database(template)
    try:
        yield name
    finally:
        server.drop(name)


def dsn(name: str) -> str:
    return rig.server(rig.DEFAULT).dsn(name, on_postgres.USER)


@pytest.mark.e2e
def test_a_shared_ledger(story: ForgeWorld) -> None:
    """Restored from an older copy; then another one in its place."""
    operator = Path(os.environ["HOME"]) / ".config/lanectl/enforcer.toml"
    shop, enforcer = Shop(story), Enforcer(story)
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(database(on_postgres.template(rig.DEFAULT)))
        pin(operator, dsn(first))
        shop.publish("one")
        older = stack.enter_context(database(first))
        shop.publish("two", "three")
        pin(operator, dsn(older))
        forget_bundles(enforcer)
        shop.is_recovered("two", "three")
        empty = stack.enter_context(database("template1"))
        other = LedgerId("abcd" * 8)
        made = NewEvent(
            "created:1", EventKind.CREATED, on_postgres.BORN, "x", on_postgres.REPOSITORY
        )
        migrate(rig.server(rig.DEFAULT).dsn(empty), bodies.write(made, other))
        pin(operator, dsn(empty))
        operator.write_text(operator.read_text().replace(on_postgres.LEDGER, other))
        shutil.rmtree(enforcer.store.folder / "bundles", ignore_errors=True)
        shop.is_recovered(*SLUGS)


def test_what_no_enforcer_of_this_repository_admitted_is_left_out(story: ForgeWorld) -> None:
    enforcer = Enforcer(story)
    story.publish(packed(story, "real"))
    known = {"ledger": enforcer.id(), "seq": 1, "head": Digest("1" * 64)}
    head = git(story.hub, "rev-parse", "main")
    wrong = {
        "stranger": ({"key": "stranger"}, "which is no Enforcer's key"),
        "builders": ({"key": "builder"}, "which is no Enforcer's key"),
        "elsewhere": ({"repository": "example.test/acme/other"}, "it speaks of another bundle"),
        "changed": (None, "the signature is not that of"),
        "bare": ("", "envelope/"),
    }
    bundles, wanted = {}, {}
    for slug, (how, says) in wrong.items():
        bundle = bundles[slug] = packed(story, slug)
        admission = signed_admission(story, bundle, head, **(known | (how or {})))
        if how is None:
            admission = resigned(story, bundle, head, known)
        publish_by_hand(story, bundle, None if how == "" else admission)
        wanted[f"refs/lanectl/{Digest.of(bundle.read_bytes())}"] = says
    enforcer.lose()
    forget_bundles(enforcer)
    done = reconcile(story)
    assert done.code == 0, done.err
    assert len(done.json["recovered"]) == 1
    skipped = {s["where"]: s["why"] for s in done.json["skipped"]}
    assert skipped.keys() == wanted.keys()
    assert [w for w in wanted if wanted[w] not in skipped[w]] == [], skipped
    for slug, bundle in bundles.items():
        applied = story.apply(bundle)
        assert (applied.code, applied.json["state"]) == (0, "created"), (slug, applied.err)


def resigned(story: ForgeWorld, bundle: Path, commit: str, known: dict[str, object]) -> bytes:
    """Return an admission of the Enforcer's key under which another text was signed."""
    import base64
    import json

    from lanectl.formats import admission

    good = json.loads(signed_admission(story, bundle, commit, **known))
    said = admission_of(story, bundle, commit, **{**known, "seq": 9})
    good["dsseEnvelope"]["payload"] = base64.b64encode(admission.write(said)).decode()
    return json.dumps(good).encode()
