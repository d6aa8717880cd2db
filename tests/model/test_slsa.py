"""The SLSA level: what raises it, what never does, and what it says of itself."""

from __future__ import annotations

import inspect
import itertools

import msgspec
import pytest

from lanectl.model import slsa
from lanectl.model.signer import Method
from lanectl.model.slsa import SlsaLevel, derive

REQUIREMENTS = {  # of the Build track of SLSA 1.2, in its own words
    "Provenance Exists": 1,
    "Provenance is Authentic": 2,
    "Hosted": 2,
    "Provenance is Unforgeable": 3,
    "Isolated": 3,
}
ALL = [
    derive(is_verified=verified, method=method, is_hosted=hosted, runner=runner)
    for verified, method, hosted, runner in itertools.product(
        (True, False), (*Method, None), (True, False), ("github-hosted", "self-hosted", "")
    )
]


def hosted(runner: str = "github-hosted") -> SlsaLevel:
    return derive(is_verified=True, method=Method.KEYLESS, is_hosted=True, runner=runner)


@pytest.mark.parametrize("method", list(Method))
def test_what_is_not_accepted_shows_nothing(method: Method) -> None:
    found = derive(is_verified=False, method=method, is_hosted=True, runner="github-hosted")
    assert (found.level, found.reasons) == (0, ())
    assert found.missing[0].startswith("Provenance Exists")


@pytest.mark.parametrize("method", [Method.KEY, Method.GPG, Method.SPIFFE])
def test_a_local_signer_is_level_1_whatever_else_is_said(method: Method) -> None:
    for is_hosted, runner in itertools.product((True, False), ("github-hosted", "")):
        found = derive(is_verified=True, method=method, is_hosted=is_hosted, runner=runner)
        assert found.level == 1
        assert [m.partition(":")[0] for m in found.missing] == ["Provenance is Authentic", "Hosted"]


def test_keyless_is_level_2_only_with_the_policys_word_and_the_certificates() -> None:
    assert hosted().level == hosted("gitlab-hosted").level == 2
    for runner in ("self-hosted", "", "GitHub-hosted", "github-hosted ", "github-hosted-not"):
        assert hosted(runner).level == 1
        assert [m.partition(":")[0] for m in hosted(runner).missing] == ["Hosted"]
    alone = derive(is_verified=True, method=Method.KEYLESS, runner="github-hosted")
    assert alone.level == 1
    assert [m.partition(":")[0] for m in alone.missing] == ["Provenance is Authentic"]


def test_level_2_says_who_wrote_the_statement() -> None:
    assert any("a step of the job wrote the statement" in reason for reason in hosted().reasons)


def test_level_3_is_never_derived_and_the_reason_is_said() -> None:
    assert {found.level for found in ALL} == {0, 1, 2}
    assert [m.partition(":")[0] for m in hosted().missing] == [
        "Provenance is Unforgeable", "Isolated",
    ]  # fmt: skip


def test_what_is_missing_is_a_requirement_of_the_next_level() -> None:
    for found in ALL:
        assert found.missing
        for text in found.missing:
            assert REQUIREMENTS[text.partition(":")[0]] == found.level + 1
        for text in found.reasons:
            assert REQUIREMENTS.get(text.partition(":")[0], 1) <= found.level


def test_nothing_of_a_bundle_even_comes_in() -> None:
    # a statement cannot raise what it is no part of: two facts of the trust, two of the signature
    assert set(inspect.signature(derive).parameters) == {
        "is_verified", "method", "is_hosted", "runner",
    }  # fmt: skip
    assert "lanectl.model.bundle" not in inspect.getsource(slsa)


def test_it_is_told_in_one_shape() -> None:
    found = hosted()
    assert (found.shown, found.result) == ("SLSA 1.2 Build L2", "SLSA_BUILD_LEVEL_2")
    told = msgspec.to_builtins(found)
    assert told.keys() == {"version", "track", "level", "reasons", "missing"}
    assert (told["version"], told["track"], told["level"]) == ("1.2", "Build", 2)
