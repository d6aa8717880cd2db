"""Who signs without a key: a token that is given, or the one that a CI job may ask for. Never shown.

Refuses what no certificate authority would take: another audience, a token that has expired.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from lanectl.errors import RefusedError, Remedy, UsageError
from lanectl.model.display import display

if TYPE_CHECKING:
    from sigstore.oidc import IdentityToken

_PROVIDER: Final = "identity provider"

_NO_IDENTITY: Final = (
    Remedy("In GitHub Actions give the job the permission `id-token: write`."),
    Remedy("In GitLab CI give the job `id_tokens: SIGSTORE_ID_TOKEN: aud: sigstore`."),
    Remedy(
        "Elsewhere give a token for the audience sigstore.",
        ("lanectl", "sign", "--with", "keyless", "--identity-token", "FILE", "BUNDLE"),
    ),
)


def find_identity(given: str | None, seconds: float) -> IdentityToken:
    """Return a token that is good as far as one can see without its issuer.

    `given`, else the one that the job may ask for within so many `seconds`. Raises UsageError where
    there is none, RefusedError for one that cannot be used, UnavailableError for no answer.
    """
    from sigstore.oidc import IdentityError, IdentityToken

    from lanectl.adapters.bounded import within

    raw = given if given is not None else within(seconds, _ambient, lambda: _PROVIDER)
    try:
        return IdentityToken(raw.strip())
    except IdentityError as error:
        raise RefusedError(
            "the identity token cannot be used",
            why=display(str(error.__cause__ or error), limit=400),
            remedies=_NO_IDENTITY[-1:],
        ) from error


def _ambient() -> str:
    """Ask the CI platform for the job's token. Raises as `find_identity` does."""
    from sigstore.oidc import IdentityError, detect_credential

    from lanectl.adapters.bounded import LATER, unavailable

    try:
        token = detect_credential()
    except IdentityError as error:
        why = display(str(error), limit=400)
        status = re.search(r"code=(\d)\d\d", why)
        if status is not None and status[1] == "4":
            raise RefusedError(f"the {_PROVIDER} refuses", why=why, remedies=LATER) from error
        if (
            status is None and "variable" in why
        ):  # the platform is there, and the job may not ask it
            raise UsageError("this job has no identity", why=why, remedies=_NO_IDENTITY) from error
        raise unavailable(_PROVIDER, why) from error
    if token is None:
        raise UsageError(
            "there is no identity to sign with",
            why="this is no job of GitHub Actions or GitLab CI, and no token is given",
            remedies=_NO_IDENTITY,
        )
    return token
