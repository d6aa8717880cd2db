"""The root of the trust files: m of n, handed on only by itself, and never back to an older state."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lanectl.adapters import keys
from lanectl.errors import UnreadableError, UntrustedError
from lanectl.formats import root as formats
from lanectl.model.names import Digest, ObjectId, RepositoryId
from lanectl.model.report import MalformedError
from lanectl.model.root import (
    ROOT_PATH,
    SIGNATURES_PATH,
    Endorsement,
    Root,
    RootKey,
    RootSignature,
)
from lanectl.model.trust import Algorithm, hint_of
from tests.assets.bundles.workshop import bundle
from tests.checks.enforcer import Enforcer

RULES, RING = "lanectl.toml", ".lanectl/trust/keyring.json"
NAMES = ("alice", "bob", "carol", "dave")


class Ceremony:
    """A target whose trust files need signatures, and everybody who holds a key of a root."""

    def __init__(self, folder: Path) -> None:
        self.machine = Enforcer(folder / "root")
        for name in NAMES:
            path = str(folder / name)
            keys.store(path, *keys.generate(path, Algorithm.ED25519, encrypt=False))
        self.signers = {name: keys.load(str(folder / name)) for name in NAMES}
        self.files: dict[str, bytes] = {RULES: bundle.rules(), RING: bundle.keyring()}

    def root(self, threshold: int, *names: str) -> bytes:
        held = tuple(RootKey(name, self.signers[name].public) for name in names)
        return formats.write_root(Root(threshold, held))

    def signed(self, version: int, *names: str, repository: str = bundle.REPOSITORY) -> bytes:
        """Return what these people sign of the files as they are."""
        digests = {path: Digest.of(data) for path, data in self.files.items()}
        said = Endorsement(version, RepositoryId(repository), digests)
        signatures = tuple(
            RootSignature(
                hint_of(self.signers[name].public.id),
                self.signers[name].sign(formats.message(said)),
            )
            for name in names
        )
        return formats.write_endorsement(Endorsement(version, said.repository, digests, signatures))

    def push(self, signatures: bytes | None = None, **edits: bytes | None) -> ObjectId:
        """Put the files, and what was signed of them, on the target branch."""
        changed: dict[str, bytes | None] = {**self.files, **edits}
        if signatures is not None:
            changed[SIGNATURES_PATH] = signatures
        tip = self.machine.advance(changed, parent="refs/remotes/origin/main")
        return ObjectId(tip)

    def change(self, path: str, data: bytes) -> None:
        self.files[path] = data

    def drop(self, path: str) -> None:
        """Take a file away."""
        del self.files[path]
        (self.machine.root / "index").unlink(missing_ok=True)
        self.machine.advance({path: None}, parent="refs/remotes/origin/main")

    def see(self) -> None:
        """Let the Enforcer believe the tip, and remember that it did."""
        trust = self.machine.trust()
        self.machine.store().record_tip(trust.source.tip)

    def refused(self, says: str) -> None:
        with pytest.raises(UntrustedError) as caught:
            self.machine.trust()
        error = caught.value
        assert says in f"{error.what} {error.why}"
        assert error.remedies[0].command[:3] == ("lanectl", "policy", "endorse")


@pytest.fixture
def ceremony(tmp_path: Path) -> Ceremony:
    """A target with a root of two of three, endorsed and seen."""
    made = Ceremony(tmp_path)
    made.change(ROOT_PATH, made.root(2, "alice", "bob", "carol"))
    made.push(made.signed(1, "alice", "bob"))
    made.see()
    return made


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Ceremony:
    """The same files, on no branch."""
    made = Ceremony(tmp_path_factory.mktemp("papers"))
    made.change(ROOT_PATH, made.root(2, "alice", "bob", "carol"))
    return made


def stricter(ceremony: Ceremony) -> None:
    ceremony.change(RULES, bundle.rules() + b"[trust]\nvalidity_days = 1\n")


# thresholds ---------------------------------------------------------------------------------------


def test_without_a_root_nothing_is_demanded(tmp_path: Path) -> None:
    plain = Ceremony(tmp_path)
    assert plain.machine.trust().root is None
    stricter(plain)
    plain.push()
    assert plain.machine.trust().policy.validity.days == 1


def test_the_first_root_must_be_signed_by_itself(tmp_path: Path) -> None:
    first = Ceremony(tmp_path)
    first.change(ROOT_PATH, first.root(2, "alice", "bob", "carol"))
    first.push()
    first.refused("root.signatures.json is missing")
    first.push(first.signed(1, "alice"))
    first.refused("signed by 1 of the 2 keys that root.json demands")
    first.push(first.signed(1, "alice", "carol"))
    trust = first.machine.trust()
    assert trust.root
    assert [k.name for k in trust.root.keys] == ["alice", "bob", "carol"]


@pytest.mark.parametrize(
    ("signers", "count"),
    [((), 0), (("alice",), 1), (("alice", "alice"), 1), (("alice", "dave"), 1), (("dave",), 0)],
    ids=["nobody", "one", "one-twice", "one-and-a-stranger", "a-stranger"],
)
def test_fewer_than_the_threshold(signers: tuple[str, ...], count: int, ceremony: Ceremony) -> None:
    stricter(ceremony)
    ceremony.push(ceremony.signed(2, *signers))
    ceremony.refused(f"signed by {count} of the 2 keys")


@pytest.mark.parametrize(
    "signers", [("alice", "bob"), ("carol", "bob"), ("bob", "alice", "carol", "dave")]
)
def test_the_threshold_is_met_by_any_of_them(signers: tuple[str, ...], ceremony: Ceremony) -> None:
    stricter(ceremony)
    ceremony.push(ceremony.signed(2, *signers))
    assert ceremony.machine.trust().policy.validity.days == 1


def test_a_signature_of_somebody_under_another_ones_hint(ceremony: Ceremony) -> None:
    stricter(ceremony)
    document = json.loads(ceremony.signed(2, "alice", "dave"))
    document["signatures"][1]["hint"] = hint_of(ceremony.signers["bob"].public.id)
    ceremony.push(json.dumps(document).encode())
    ceremony.refused("signed by 1 of the 2 keys")


# what is signed -----------------------------------------------------------------------------------


def test_a_file_that_was_changed_after_it_was_signed(ceremony: Ceremony) -> None:
    stricter(ceremony)
    ceremony.push()
    ceremony.refused("not those that were signed ~ lanectl.toml")


def test_a_file_that_was_added(ceremony: Ceremony) -> None:
    ceremony.change(".lanectl/trust/gpg/X.asc", b"x")
    ceremony.push()
    ceremony.refused("not those that were signed + .lanectl/trust/gpg/X.asc")


def test_a_file_that_was_taken_away(ceremony: Ceremony) -> None:
    ceremony.change(".lanectl/trust/note", b"x")
    ceremony.push(ceremony.signed(2, "alice", "bob"))
    ceremony.see()
    ceremony.drop(".lanectl/trust/note")
    ceremony.refused("not those that were signed - .lanectl/trust/note")


def test_a_link_among_the_files(ceremony: Ceremony) -> None:
    from tests.world import git

    machine = ceremony.machine
    index = {"GIT_INDEX_FILE": str(machine.root / "index")}
    git(machine.clone, "read-tree", "refs/remotes/origin/main", **index)
    blob = git(machine.clone, "hash-object", "-w", "--stdin", data=b"/etc/passwd")
    git(
        machine.clone,
        "update-index",
        "--add",
        "--cacheinfo",
        f"120000,{blob},.lanectl/trust/x",
        **index,
    )
    tree = git(machine.clone, "write-tree", **index)
    machine.move(
        git(machine.clone, "commit-tree", tree, "-p", "refs/remotes/origin/main", "-m", "link")
    )
    ceremony.refused(".lanectl/trust/x is no regular file")


def test_signatures_made_for_another_repository(ceremony: Ceremony) -> None:
    stricter(ceremony)
    ceremony.push(ceremony.signed(2, "alice", "bob", repository="example.test/acme/other"))
    ceremony.refused("signed for example.test/acme/other, not for example.test/acme/shop")


def test_what_else_is_on_the_branch_needs_no_signature(ceremony: Ceremony) -> None:
    ceremony.machine.advance({"src/x.py": b"x\n"}, parent="refs/remotes/origin/main")
    assert ceremony.machine.trust().root


def test_a_change_is_found_even_where_that_tip_was_pinned(ceremony: Ceremony) -> None:
    stricter(ceremony)
    ceremony.machine.store().record_tip(ceremony.push())
    ceremony.refused("not those that were signed")


# no way back --------------------------------------------------------------------------------------


def test_an_older_state_with_its_own_good_signatures(ceremony: Ceremony) -> None:
    older, signatures = dict(ceremony.files), ceremony.signed(1, "alice", "bob")
    stricter(ceremony)
    ceremony.push(ceremony.signed(2, "alice", "bob"))
    ceremony.see()
    ceremony.files = older
    ceremony.push(signatures)
    ceremony.refused("of version 1, after 2 was seen")


def test_two_states_of_one_version(ceremony: Ceremony) -> None:
    stricter(ceremony)
    ceremony.push(ceremony.signed(1, "alice", "bob"))
    ceremony.refused("two different states of the trust files are called version 1")


def test_another_signature_over_the_same_version_is_welcome(ceremony: Ceremony) -> None:
    ceremony.push(ceremony.signed(1, "alice", "bob", "carol"))
    assert ceremony.machine.trust().root


# another root -------------------------------------------------------------------------------------


def rotate(ceremony: Ceremony, *signers: str, version: int = 2) -> None:
    """Bob leaves, Dave comes, and two of them must still sign."""
    ceremony.change(ROOT_PATH, ceremony.root(2, "alice", "carol", "dave"))
    ceremony.push(ceremony.signed(version, *signers))


@pytest.mark.parametrize(
    ("signers", "says"),
    [
        (("alice", "bob"), "signed by 1 of the 2 keys that root.json demands"),
        (("alice", "dave"), "signed by 1 of the 2 keys that the root that was seen last demands"),
        (("dave",), "0 of the 2 keys that the root that was seen last demands"),
    ],
    ids=["old-root-only", "new-root-only", "the-newcomer-alone"],
)
def test_a_new_root_needs_the_old_one_and_itself(
    signers: tuple[str, ...], says: str, ceremony: Ceremony
) -> None:
    rotate(ceremony, *signers)
    ceremony.refused(says)


def test_a_new_root_that_both_have_signed(ceremony: Ceremony) -> None:
    rotate(ceremony, "alice", "carol")
    root = ceremony.machine.trust().root
    assert root
    assert [k.name for k in root.keys] == ["alice", "carol", "dave"]


def test_a_lower_threshold_is_another_root(ceremony: Ceremony) -> None:
    ceremony.change(ROOT_PATH, ceremony.root(1, "alice", "bob", "carol"))
    ceremony.push(ceremony.signed(2, "alice"))
    ceremony.refused("signed by 1 of the 2 keys that the root that was seen last demands")


def test_who_was_away_follows_from_root_to_root(ceremony: Ceremony) -> None:
    rotate(ceremony, "alice")  # half of the ceremony, in a commit of its own
    rotate(ceremony, "alice", "carol", "bob")
    stricter(ceremony)
    ceremony.push(ceremony.signed(3, "carol", "dave"))  # one of the first root alone
    ceremony.change(ROOT_PATH, ceremony.root(1, "dave"))
    ceremony.push(ceremony.signed(4, "carol", "dave"))
    ceremony.push(ceremony.signed(5, "dave"))
    root = ceremony.machine.trust().root
    assert root
    assert [k.name for k in root.keys] == ["dave"]


def test_who_was_away_does_not_follow_a_root_that_nobody_handed_on(ceremony: Ceremony) -> None:
    rotate(ceremony, "carol", "dave")
    ceremony.push(ceremony.signed(3, "carol", "dave"))
    ceremony.refused("signed by 1 of the 2 keys that the root that was seen last demands")


def test_who_was_away_is_not_led_back_to_an_older_version(ceremony: Ceremony) -> None:
    rotate(ceremony, "alice", "carol", version=7)
    ceremony.push(ceremony.signed(6, "alice", "carol"))
    ceremony.refused("of version 6, after 7 was seen")


def test_a_root_that_is_taken_away_unsigned(ceremony: Ceremony) -> None:
    ceremony.drop(ROOT_PATH)
    ceremony.refused("not those that were signed - .lanectl/trust/root.json")
    ceremony.push(ceremony.signed(2, "alice"))
    ceremony.refused("signed by 1 of the 2 keys that the root that was seen last demands")


def test_a_root_and_its_signatures_that_are_taken_away(ceremony: Ceremony) -> None:
    ceremony.drop(ROOT_PATH)
    ceremony.machine.advance({SIGNATURES_PATH: None}, parent="refs/remotes/origin/main")
    ceremony.refused("root.signatures.json is missing")


def test_a_root_that_its_holders_end(ceremony: Ceremony) -> None:
    ceremony.drop(ROOT_PATH)
    ceremony.push(ceremony.signed(2, "alice", "bob"))
    assert ceremony.machine.trust().root is None
    ceremony.see()
    stricter(ceremony)
    ceremony.push()
    assert ceremony.machine.trust().policy.validity.days == 1


def test_a_root_held_by_a_lane(ceremony: Ceremony) -> None:
    ring = json.loads(bundle.keyring())
    public = ceremony.signers["alice"].public
    [enforcer] = [k for k in ring["keys"] if k["role"] == "enforcer"]
    entry = {**enforcer, "id": public.id, "publicKey": public.pem}
    ring["keys"] = [*(k for k in ring["keys"] if k is not enforcer), entry]
    ceremony.change(RING, json.dumps(ring).encode())
    ceremony.push(ceremony.signed(2, "alice", "bob"))
    with pytest.raises(UnreadableError, match="the root's key of alice is the enforcer's"):
        ceremony.machine.trust()


# the files ----------------------------------------------------------------------------------------


def test_what_is_signed_is_written_down_a_second_time(papers: Ceremony) -> None:
    said = formats.read_endorsement(papers.signed(7, "alice"))
    files = {path: hashlib.sha256(data).hexdigest() for path, data in papers.files.items()}
    payload = json.dumps(
        {"files": files, "repository": bundle.REPOSITORY, "version": "7"},
        sort_keys=True, separators=(",", ":"),
    ).encode()  # fmt: skip
    kind = b"application/vnd.lanectl.trust+json"
    assert formats.message(said) == b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


Edit = Callable[[dict[str, Any]], Any]

ROOTS: dict[str, tuple[Edit, str]] = {
    "no threshold": (lambda r: r.pop("threshold"), "without threshold"),
    "threshold of nobody": (lambda r: r.update(threshold=0), "a number from 1 to 3"),
    "threshold of more than there are": (lambda r: r.update(threshold=4), "a number from 1 to 3"),
    "threshold that is a text": (lambda r: r.update(threshold="2"), "a number from 1 to 3"),
    "threshold that is true": (lambda r: r.update(threshold=True), "a number from 1 to 3"),
    "threshold that is half": (lambda r: r.update(threshold=1.5), "a number from 1 to 3"),
    "no keys": (lambda r: r.update(keys=[]), "a list of 1 to 32 keys"),
    "one key twice": (lambda r: r["keys"].append(r["keys"][0]), "every key once"),
    "another key's id": (lambda r: r["keys"][0].update(id="0" * 64), "the key's own"),
    "a key that is none": (lambda r: r["keys"][0].update(publicKey="x"), "a public key"),
    "a name that is none": (lambda r: r["keys"][0].update(name=" "), "a printable name"),
    "a field more": (lambda r: r.update(extra="x"), "unknown extra"),
    "another version": (lambda r: r.update(version="2"), "expected 1"),
}


@pytest.mark.parametrize("case", ROOTS)
def test_a_root_that_is_none(case: str, papers: Ceremony) -> None:
    edit, says = ROOTS[case]
    document = json.loads(papers.files[ROOT_PATH])
    edit(document)
    with pytest.raises(MalformedError) as caught:
        formats.read_root(json.dumps(document).encode())
    fault = caught.value.fault
    assert says in f"{fault.where} {fault.got}, expected {fault.expected}"


SIGNED: dict[str, tuple[Edit, str]] = {
    "a version that is a number": (lambda s: s.update(version=2), "expected a string"),
    "version 0": (lambda s: s.update(version="0"), "a whole number from 1"),
    "a version with a sign": (lambda s: s.update(version="+2"), "a whole number from 1"),
    "a version without end": (lambda s: s.update(version="9" * 10), "a whole number from 1"),
    "no repository": (lambda s: s.update(repository="x"), "valid names"),
    "a digest that is none": (lambda s: s["files"].update({RULES: "x"}), "valid names"),
    "a file of the Builder's": (lambda s: s["files"].update({"x.py": "0" * 64}), "trust folder"),
    "itself": (lambda s: s["files"].update({SIGNATURES_PATH: "0" * 64}), "trust folder"),
    "loose base64": (lambda s: s["signatures"][0].update(signature="@@@@"), "standard base64"),
    "a list of files": (lambda s: s.update(files=[]), "an object"),
    "countless signatures": (lambda s: s.update(signatures=s["signatures"] * 65), "at most 64"),
    "a field more": (lambda s: s["signatures"][0].update(keyid="x"), "unknown keyid"),
}


@pytest.mark.parametrize("case", SIGNED)
def test_signatures_that_are_none(case: str, papers: Ceremony) -> None:
    edit, says = SIGNED[case]
    document = json.loads(papers.signed(1, "alice"))
    edit(document)
    with pytest.raises(MalformedError) as caught:
        formats.read_endorsement(json.dumps(document).encode())
    fault = caught.value.fault
    assert says in f"{fault.where} {fault.got}, expected {fault.expected}"


@pytest.mark.parametrize("path", [ROOT_PATH, SIGNATURES_PATH])
def test_a_malformed_file_at_the_tip(path: str, ceremony: Ceremony) -> None:
    ceremony.machine.advance({path: b"{}"}, parent="refs/remotes/origin/main")
    with pytest.raises(UnreadableError, match="is not valid") as caught:
        ceremony.machine.trust()
    assert path in caught.value.what


def test_a_signature_is_base64_of_its_bytes(papers: Ceremony) -> None:
    [item] = json.loads(papers.signed(1, "alice"))["signatures"]
    assert len(base64.b64decode(item["signature"])) == 64
