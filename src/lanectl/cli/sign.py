"""`lanectl sign`."""

from __future__ import annotations

from typing import Annotated

import typer

from lanectl.cli import options, render
from lanectl.model.signer import Method


def command(
    bundle: options.BundleFile,
    method: Annotated[
        Method | None,
        typer.Option("--with", help="What to sign with. [default: key; to countersign: keyless]"),
    ] = None,
    countersign: Annotated[
        bool,
        typer.Option(
            "--countersign", help="Add a second signature, keyless unless --with says so."
        ),
    ] = False,
    key: options.KeyFile = None,
    identity_token: options.IdentityToken = None,
    sigstore: options.SigstoreConfig = None,
    gpg_key: options.GpgKey = None,
    svid: options.Svid = None,
    svid_key: options.SvidKey = None,
    signature: options.SignatureFile = None,
    _passphrase_fd: options.PassphraseFd = None,
    as_json: options.Json = False,
) -> int:
    """Sign a packed bundle, outside the sandbox (lane: codex). Prints the signature's path."""
    from lanectl.flows import sign as flow
    from lanectl.model.settings import Limits
    from lanectl.wiring import codex, common, neutral
    from lanectl.wiring.signing import SigningOptions, statement_signer

    chosen = method or (Method.KEYLESS if countersign and not key else Method.KEY)
    wishes = SigningOptions(
        chosen, key, identity_token, sigstore, gpg_key, svid, svid_key, countersign
    )
    signer, limit = statement_signer(wishes), Limits().inflated
    if countersign:
        submission = neutral.submission(bundle, None)
        signed = flow.countersign(submission, signer=signer, system=common.system(), limit=limit)
    else:
        artifact, draft = codex.unsigned_bundle(bundle)
        signed = flow.sign(artifact, draft, signer=signer, system=common.system(), limit=limit)
    path = codex.write_signature(bundle, signed.seal.files, signature)
    if as_json:
        render.document(
            {"path": path, "bundle": f"sha256:{signed.digest}", "method": signed.seal.method,
             "signer": signed.seal.shown}
        )  # fmt: skip
    else:
        render.data(path)
        render.talk(f"signed sha256:{signed.digest} by {signed.seal.shown}")
    return 0
