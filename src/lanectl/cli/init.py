"""`lanectl init`: register keys on the target branch, or pin the target on the Enforcer's machine."""

from __future__ import annotations

from typing import Annotated

import typer

from lanectl.cli import options, render
from lanectl.errors import Remedy, UsageError


def command(
    builder_key: Annotated[
        str | None, typer.Option(metavar="FILE", help="The Builder's public key (.pub).")
    ] = None,
    enforcer_key: Annotated[
        str | None, typer.Option(metavar="FILE", help="The Enforcer's public key (.pub).")
    ] = None,
    supervisor_key: Annotated[
        str | None, typer.Option(metavar="FILE", help="The supervisor's public key (.pub).")
    ] = None,
    lead_key: Annotated[
        str | None, typer.Option(metavar="FILE", help="A lead's public key (.pub).")
    ] = None,
    builder: Annotated[
        str, typer.Option(metavar="'NAME <EMAIL>'", help="Author of applied commits.")
    ] = "lanectl builder <builder@lanectl.invalid>",
    enforcer_name: Annotated[
        str,
        typer.Option("--committer", metavar="'NAME <EMAIL>'", help="Committer of applied commits."),
    ] = "lanectl enforcer <enforcer@lanectl.invalid>",
    supervisor: Annotated[
        str, typer.Option(metavar="'NAME <EMAIL>'", help="Who gives verdicts.")
    ] = "lanectl supervisor <supervisor@lanectl.invalid>",
    lead: Annotated[
        str, typer.Option(metavar="'NAME <EMAIL>'", help="The lead. Two leads have two identities.")
    ] = "lanectl lead <lead@lanectl.invalid>",
    valid_days: Annotated[
        int, typer.Option(min=1, max=3650, help="How long the new keys are valid.")
    ] = 365,
    sigstore: Annotated[
        bool, typer.Option("--sigstore", help="Pin the public Sigstore root, for keyless signing.")
    ] = False,
    sigstore_root: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Pin another Sigstore's trusted_root.json instead."),
    ] = None,
    repository: Annotated[
        str | None, typer.Option(metavar="ID", help="host/owner/name. [default: from the remote]")
    ] = None,
    enforcer: Annotated[
        bool, typer.Option("--enforcer", help="Pin the target on this machine instead.")
    ] = False,
    repo_url: Annotated[
        str | None,
        typer.Option("--repo", metavar="URL|DIR", help="With --enforcer: the target's address."),
    ] = None,
    branch: Annotated[str, typer.Option(help="With --enforcer: the target branch.")] = "main",
    ref: Annotated[
        str | None,
        typer.Option(
            help="With --enforcer: where this clone keeps it. [default: found by the URL]"
        ),
    ] = None,
    api: Annotated[
        str | None,
        typer.Option(
            metavar="URL", help="With --enforcer: the forge's API. [default: found by the host]"
        ),
    ] = None,
    repin: Annotated[
        bool, typer.Option("--repin", help="With --enforcer: replace what is pinned.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show, write nothing.")] = False,
    as_json: options.Json = False,
) -> int:
    """Register keys in lanectl.toml and the keyring, or pin the target (any lane; needs write access)."""
    from lanectl.wiring import setup

    if enforcer:
        if repo_url is None:
            raise UsageError(
                "--enforcer needs the target's address",
                remedies=(
                    Remedy(
                        "Name it.",
                        ("lanectl", "init", "--enforcer", "--repo", "URL", "--branch", "main"),
                    ),
                ),
            )
        planned = setup.plan_operator(
            url=repo_url, branch=branch, ref=ref, api=api, repin=repin, write=not dry_run
        )
        render.planned((planned,), as_json=as_json, dry_run=dry_run, next_step=None)
        return 0
    keys = [
        (builder_key, "builder", builder), (enforcer_key, "enforcer", enforcer_name),
        (supervisor_key, "supervisor", supervisor), (lead_key, "lead", lead),
    ]  # fmt: skip
    plan = setup.plan_trust(
        repo_url or ".", keys, repository, valid_days,
        sigstore=sigstore, sigstore_root=sigstore_root, write=not dry_run,
    )  # fmt: skip
    has_root = setup.has_root(repo_url or ".")
    render.planned(plan, as_json=as_json, dry_run=dry_run, has_root=has_root, next_step=Remedy(
        "Commit these files on the target branch through an ordinary review.",
        ("git", "add", "--", *(p.path for p in plan)),
    ))  # fmt: skip
    return 0
