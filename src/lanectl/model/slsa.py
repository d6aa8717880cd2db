"""The SLSA level that the evidence of one bundle shows, with reasons. Never takes a bundle's word.

Nothing of a statement comes in here: only whether the bundle is accepted, what it was signed with,
what the target's tip says of the signer, and what a proved certificate says of the run.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from lanectl.model.signer import Method

VERSION: Final = "1.2"
TRACK: Final = "Build"
RUNNER: Final = "runner_environment"
"""Fulcio's name for what a certificate says of the machine that ran the job."""

HOSTED_RUNNERS: Final = frozenset({"github-hosted", "gitlab-hosted"})
"""What GitHub's and GitLab's issuers call a machine of their own."""

_EXISTS: Final = "Provenance Exists"
_AUTHENTIC: Final = "Provenance is Authentic"
_HOSTED: Final = "Hosted"
_UNFORGEABLE: Final = "Provenance is Unforgeable"
_ISOLATED: Final = "Isolated"

_LOCAL: Final = {
    Method.KEY: "a key of the keyring signed it",
    Method.GPG: "a GPG key signed it",
    Method.SPIFFE: "a workload's SVID signed it",
}


class SlsaLevel(Struct, frozen=True):
    """A level of one track of one version of the specification.

    `reasons` say what is shown, `missing` which requirements of the next level are not; each names
    its requirement in the specification's own words. All of it is lanectl's own text.
    """

    level: int
    reasons: tuple[str, ...]
    missing: tuple[str, ...]
    version: str = VERSION
    track: str = TRACK

    @property
    def result(self) -> str:
        """How a Verification Summary Attestation calls it."""
        return f"SLSA_{self.track.upper()}_LEVEL_{self.level}"

    @property
    def shown(self) -> str:
        """How people are told."""
        return f"SLSA {self.version} {self.track} L{self.level}"


NOTHING: Final = SlsaLevel(
    0, (), (f"{_EXISTS}: nothing is proved of a bundle that is not accepted",)
)
"""What is shown of a bundle that is not accepted."""


def derive(
    *, is_verified: bool, method: Method | None, is_hosted: bool = False, runner: str = ""
) -> SlsaLevel:
    """Return the level: 0 without a verified bundle, 1 for a local signer, at most 2, never 3.

    `is_hosted` is the trust policy's word on the keyless identity that signed; `runner` is the
    value of `RUNNER` in its proved certificate, empty where there is none.
    """
    if not is_verified or method is None:
        return NOTHING
    exists = (
        f"{_EXISTS}: the statement names the archive and every member by digest, and replaying the"
        " change gave the result tree that it names"
    )
    if method is not Method.KEYLESS:
        return SlsaLevel(1, (exists, f"{_LOCAL[method]}, and it verifies"), _local_missing())
    missing = _hosted_missing(is_hosted=is_hosted, runner=runner)
    if missing:
        signed = "an identity that an issuer vouches for signed it, and it verifies"
        return SlsaLevel(1, (exists, signed), missing)
    return SlsaLevel(2, (exists, *_platform_reasons()), _never_shown())


def _local_missing() -> tuple[str, ...]:
    return (
        f"{_AUTHENTIC}: the signing key is not shown to be a build platform's alone",
        f"{_HOSTED}: nothing shows on what machine the bundle was made",
    )


def _hosted_missing(*, is_hosted: bool, runner: str) -> tuple[str, ...]:
    missing = []
    if not is_hosted:
        missing.append(
            f"{_AUTHENTIC}: the target's trust policy does not vouch that this identity signs for a"
            " hosted platform"
        )
    if runner not in HOSTED_RUNNERS:
        missing.append(f"{_HOSTED}: the certificate does not say that a hosted runner ran the job")
    return tuple(missing)


def _platform_reasons() -> tuple[str, ...]:
    return (
        f"{_HOSTED}: the certificate says that a runner of the platform's own ran the job",
        (
            f"{_AUTHENTIC}: the platform's control plane, not the job, names workflow, run and runner in"
            " the certificate, and the signature is logged or stamped in public"
        ),
        (
            f"{_AUTHENTIC}: a step of the job wrote the statement itself; the specification allows that"
            " for the subjects and for fields that L2 does not require, and for the others the target's"
            " trust policy vouches for this workflow"
        ),
    )


def _never_shown() -> tuple[str, ...]:
    return (
        (
            f"{_UNFORGEABLE}: the job could ask for a certificate and write the statement, and so could"
            " whatever else ran in it"
        ),
        f"{_ISOLATED}: no evidence shows that other runs could not influence this one",
    )
