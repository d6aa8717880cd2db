"""Options that several commands share, with one wording."""

from __future__ import annotations

import enum
from typing import Annotated

import typer


class Format(enum.StrEnum):
    """How a report is written."""

    TEXT = "text"
    JSON = "json"
    SARIF = "sarif"
    GITHUB = "github"


Json = Annotated[bool, typer.Option("--json", help="Write one JSON document to standard output.")]
Repo = Annotated[str, typer.Option("--repo", metavar="DIR", help="The repository to work in.")]
BundleFile = Annotated[
    str, typer.Argument(metavar="BUNDLE", help="The bundle, an artifact.tar.gz.")
]
SignatureFile = Annotated[
    str | None,
    typer.Option(
        "--signature", metavar="FILE", help="The signature file. [default: BUNDLE.sigstore.json]"
    ),
]
KeyFile = Annotated[
    str | None,
    typer.Option(
        "--key",
        metavar="FILE|agent:KEY",
        help="The private key. [default: $LANECTL_BUILDER_KEY, then the one that `keys new` made]",
    ),
]
IdentityToken = Annotated[
    str | None,
    typer.Option(
        "--identity-token",
        metavar="FILE",
        help="Keyless: the identity token, - for standard input. [default: the one of the CI job]",
    ),
]
SigstoreConfig = Annotated[
    str | None,
    typer.Option(
        "--sigstore",
        metavar="FILE",
        help="Keyless: a client trust configuration. [default: the public-good instance]",
    ),
]
GpgKey = Annotated[
    str | None,
    typer.Option("--gpg-key", metavar="FINGERPRINT", help="GPG: the key of your own gpg."),
]
Svid = Annotated[
    str | None,
    typer.Option("--svid", metavar="FILE", help="SPIFFE: the SVID and its chain, PEM."),
]
SvidKey = Annotated[
    str | None, typer.Option("--svid-key", metavar="FILE", help="SPIFFE: the SVID's private key.")
]
PassphraseFd = Annotated[
    int | None,
    typer.Option(
        "--passphrase-fd",
        min=0,
        metavar="N",
        help="Read an encrypted key's passphrase from this descriptor. [default: $LANECTL_PASSPHRASE_FD]",
    ),
]
Reviewers = Annotated[
    list[str] | None,
    typer.Option(
        "--reviewer", metavar="NAME", help="With --pr: ask for a review (ORG/TEAM for a team)."
    ),
]
OperatorFile = Annotated[
    str | None,
    typer.Option("--operator", metavar="FILE", help="Another operator file than this machine's."),
]
Reason = Annotated[
    str | None, typer.Option("--reason", metavar="TEXT", help="Why; everybody will read it.")
]
OrderKey = Annotated[
    str | None,
    typer.Option(
        "--key",
        metavar="FILE|agent:KEY",
        help="The private key. [default: $LANECTL_LEAD_KEY, then the role's own default place]",
    ),
]
