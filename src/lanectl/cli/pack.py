"""`lanectl pack`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from lanectl.cli import options, render
from lanectl.model.signer import Method

if TYPE_CHECKING:
    from lanectl.flows.pack import Packed


def command(
    slug: Annotated[
        str | None,
        typer.Option(help="Name of the handoff. [default: from a staging/codex-… branch]"),
    ] = None,
    title: Annotated[
        str | None, typer.Option(help="One line. [default: newest commit's subject, else the slug]")
    ] = None,
    message_file: Annotated[
        str | None, typer.Option(metavar="FILE", help="The commit message's body.")
    ] = None,
    base: Annotated[
        str | None,
        typer.Option(metavar="REV", help="[default: merge-base with the remote's default branch]"),
    ] = None,
    branch: Annotated[
        str | None,
        typer.Option("--from", metavar="BRANCH", help="Pack a branch instead of the work tree."),
    ] = None,
    force_include: Annotated[
        list[str] | None,
        typer.Option(metavar="PATH", help="Include an ignored file; may be repeated."),
    ] = None,
    rollback: Annotated[
        str | None,
        typer.Option(metavar="PATH", help="The rollback, a path of the change's result."),
    ] = None,
    sbom: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Your own SBOM, CycloneDX 1.5 in JSON, of the result."),
    ] = None,
    repository: Annotated[
        str | None,
        typer.Option(
            metavar="ID", help="host/owner/name. [default: lanectl.toml, then the remote]"
        ),
    ] = None,
    supersedes: Annotated[
        str | None,
        typer.Option(
            metavar="DIGEST", help="[default: this slug's last signed bundle in the outbox]"
        ),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="[default: .lanectl/outbox/<slug>/artifact.tar.gz]"),
    ] = None,
    unsigned: Annotated[
        bool, typer.Option("--unsigned", help="Leave signing to `lanectl sign`.")
    ] = False,
    commit: Annotated[
        bool,
        typer.Option("--commit", help="Also commit to staging/codex-<slug> (outside a sandbox)."),
    ] = False,
    method: Annotated[Method, typer.Option("--sign", help="What to sign with.")] = Method.KEY,
    key: options.KeyFile = None,
    identity_token: options.IdentityToken = None,
    sigstore: options.SigstoreConfig = None,
    gpg_key: options.GpgKey = None,
    svid: options.Svid = None,
    svid_key: options.SvidKey = None,
    repo: options.Repo = ".",
    _passphrase_fd: options.PassphraseFd = None,
    as_json: options.Json = False,
) -> int:
    """Turn a change into a bundle (lane: codex). Prints the bundle's path."""
    from lanectl.flows import pack as flow
    from lanectl.ports import ChangeRequest
    from lanectl.wiring import codex, common
    from lanectl.wiring.signing import SigningOptions, statement_signer

    wishes = SigningOptions(method, key, identity_token, sigstore, gpg_key, svid, svid_key)
    signer = None if unsigned else statement_signer(wishes)
    message = common.read_file(message_file, limit=1 << 20) if message_file else b""
    with codex.builder_side(repo, output=output) as side, render.progress("packing"):
        forced = tuple(side.repository.path_of(p) for p in force_include or ())
        request = flow.PackRequest(
            change=ChangeRequest(base, branch, forced), slug=slug, title=title,
            message=message.decode("utf-8", "replace"), rollback=rollback, repository=repository,
            sbom=common.read_file(sbom, limit=16 << 20) if sbom else None,
            supersedes=supersedes, commit=commit,
        )  # fmt: skip
        packed = flow.pack(side.repository, side.outbox, side.system, signer, request)
    _show(packed, as_json=as_json)
    return 0


def _show(packed: Packed, *, as_json: bool) -> None:
    from lanectl.formats.report import file_json, finding_json
    from lanectl.model.display import display

    handoff, change = packed.handoff, packed.change
    if as_json:
        render.document(
            {
                "path": display(packed.path), "bundle": f"sha256:{packed.digest}", "size": packed.size,
                "slug": handoff.slug, "title": display(handoff.title), "repository": handoff.repository,
                "base": handoff.base, "result_tree": handoff.result_tree, "signed_by": packed.signed_by,
                "components": packed.components, "sbom_gaps": list(packed.gaps), "attempt": packed.circumstances.attempt,
                "supersedes": packed.circumstances.supersedes, "commit": packed.commit,
                "files": [file_json(f) for f in change.files],
                "notes": [{"note": n.rule, "path": render.path(n.path)} for n in change.notes],
                "findings": [finding_json(f) for f in packed.findings],
            }
        )  # fmt: skip
        return
    render.data(display(packed.path))
    render.talk(f"{handoff.slug}: {display(handoff.title)}")
    render.talk(f"  bundle   sha256:{packed.digest} ({packed.size:,} bytes)")
    render.talk(f"  base     {handoff.base}")
    render.talk(
        f"  result   {handoff.result_tree} (tree); files changed: {len(change.files)}, components: {packed.components}"
    )
    render.talk(
        f"  signed   {'by ' + display(packed.signed_by) if packed.signed_by else 'NOT YET: run `lanectl sign` outside the sandbox'}"
    )
    if packed.commit:
        render.talk(f"  commit   {packed.commit}")
    for gap in packed.gaps:
        render.talk(f"  sbom     incomplete: {gap}")
    for note in change.notes:
        render.talk(f"  note     {note.rule}: {render.path(note.path)}")
    render.findings(packed.findings)
