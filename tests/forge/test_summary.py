"""The Verification Summary Attestation: made once, kept, published, and every Enforcer's own."""

from __future__ import annotations

from pathlib import Path

from lanectl.formats import admission as admissions
from lanectl.formats import envelope
from lanectl.formats import summary as format_
from lanectl.formats.keys import is_valid_signature, read_public_key
from lanectl.model.bundle import ADMISSION_SUFFIX, ARTIFACT, SIGNATURE_SUFFIX, SUMMARY_SUFFIX
from lanectl.model.names import Digest
from lanectl.model.summary import Summary
from tests.forge.test_lost_enforcer import lose_the_key, register_another, use_key
from tests.forge.world import ForgeWorld
from tests.orders import key_id
from tests.world import git, write


def published(story: ForgeWorld, bundle: Path, suffix: str = SUMMARY_SUFFIX) -> bytes:
    """Return a file as it is published beside a bundle."""
    digest = Digest.of(bundle.read_bytes())
    name = f"refs/lanectl/{digest}:{ARTIFACT}{suffix}"
    return git(story.hub, "cat-file", "blob", name).encode() + b"\n"


def read(file: bytes) -> Summary:
    return format_.read(envelope.read(file).payload)


def test_what_is_published_says_what_was_verified_by_whom_and_from_what(story: ForgeWorld) -> None:
    bundle = story.packed()
    done = story.apply(bundle, "--pr")
    assert done.code == 0, done.err
    file = published(story, bundle)
    signed = envelope.read(file)
    key = read_public_key(Path(f"{story.key('enforcer')}.pub").read_text())
    message = envelope.pre_authentication_encoding(signed.payload_type, signed.payload)
    assert is_valid_signature(key, signed.signature, message)
    said = admissions.read(envelope.read(published(story, bundle, ADMISSION_SUFFIX)).payload)
    signature = Path(f"{bundle}{SIGNATURE_SUFFIX}").read_bytes()
    assert read(file) == Summary(
        enforcer=key.id, repository=said.repository, bundle=said.bundle, commit=said.commit,
        policy=said.policy, inputs={SIGNATURE_SUFFIX: Digest.of(signature)},
        level="SLSA_BUILD_LEVEL_1", slsa_version="1.2", at=said.at,
    )  # fmt: skip
    assert said.commit == done.json["commit"]


def test_it_is_kept_without_a_pull_request_and_published_as_it_was_kept(story: ForgeWorld) -> None:
    bundle = story.packed()
    assert story.apply(bundle).code == 0
    [kept] = story.state(f"bundles/*/*{SUMMARY_SUFFIX}")
    before = kept.read_bytes()
    story.publish(bundle)
    assert published(story, bundle) == kept.read_bytes() == before


def test_one_that_is_lost_or_damaged_is_made_anew(story: ForgeWorld) -> None:
    bundle = story.packed()
    assert story.apply(bundle).code == 0
    [kept] = story.state(f"bundles/*/*{SUMMARY_SUFFIX}")
    before = read(kept.read_bytes())
    for damage in (b"", b"{}", Path(f"{bundle}{SIGNATURE_SUFFIX}").read_bytes()):
        kept.write_bytes(damage)
        story.publish(bundle)
        assert read(kept.read_bytes()) == before
    # published once: the step is done, and the file that went out first stays
    assert read(published(story, bundle)) == before


def test_another_enforcer_says_what_it_verified_itself(story: ForgeWorld) -> None:
    register_another(story)
    bundle = story.packed()
    number = story.publish(bundle)
    assert read(published(story, bundle)).enforcer == key_id(story, "enforcer")
    lose_the_key(story)
    use_key(story, "enforcer-2")
    assert story.publish(bundle) == number
    assert read(published(story, bundle)).enforcer == key_id(story, "enforcer-2")
    assert story.judge(number).code == 0


def test_one_enforcer_publishes_what_another_applied(story: ForgeWorld) -> None:
    register_another(story)
    bundle = story.packed()
    assert story.apply(bundle).code == 0
    [kept] = story.state(f"bundles/*/*{SUMMARY_SUFFIX}")
    first = read(kept.read_bytes())
    use_key(story, "enforcer-2")
    story.publish(bundle)
    mine = read(published(story, bundle))
    assert (mine.enforcer, mine.commit) == (key_id(story, "enforcer-2"), first.commit)
    assert mine.at >= first.at


def test_a_summary_that_lies_beside_a_bundle_is_nobodys_word(story: ForgeWorld) -> None:
    """No command reads it: it is for those who trust the Enforcer, not for lanectl."""
    bundle = story.packed()
    write(Path(f"{bundle}{SUMMARY_SUFFIX}"), b"not even JSON")
    assert story.verify(bundle).code == 0
    story.publish(bundle)
    assert read(published(story, bundle)).level == "SLSA_BUILD_LEVEL_1"


def test_a_plan_makes_none(story: ForgeWorld) -> None:
    bundle = story.packed()
    done = story.apply(bundle, "--dry-run")
    assert done.code == 0, done.err
    assert story.state(f"bundles/*/*{SUMMARY_SUFFIX}") == []
