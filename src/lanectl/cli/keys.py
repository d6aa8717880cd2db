"""`lanectl keys`."""

from __future__ import annotations

import enum
from typing import Annotated

import typer

from lanectl.cli import options, render, revocations, rotation
from lanectl.cli.lanes import LaneCommand
from lanectl.errors import ExitCode, UsageError
from lanectl.model.trust import Algorithm, Role

KeyId = Annotated[
    str, typer.Argument(metavar="KEYID", help="The key's id, or its first 8 digits or more.")
]
Passphrase = Annotated[
    bool,
    typer.Option(
        "--passphrase", help="Encrypt the new key; asked for twice, or by --passphrase-fd."
    ),
]


class PublicFormat(enum.StrEnum):
    """How a public key is written."""

    PEM = "pem"
    SSH = "ssh"


app = typer.Typer(
    help="Make keys, rotate and revoke them, see what depends on them.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.callback()
def group() -> None:
    """Make keys, rotate and revoke them, see what depends on them."""


@app.command("new", cls=LaneCommand)
def new(
    role: Annotated[Role, typer.Option(help="What the key may sign for.")],
    out: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="[default: ~/.config/lanectl/keys/<role>.pem]"),
    ] = None,
    algorithm: Annotated[Algorithm, typer.Option(help="The kind of key.")] = Algorithm.ECDSA_P256,
    passphrase: Passphrase = False,
    _passphrase_fd: options.PassphraseFd = None,
    as_json: options.Json = False,
) -> int:
    """Make a key (0600, never overwritten) and print its public part (any lane)."""
    from lanectl.wiring import common, setup

    path = out or common.default_key_path(role)
    encrypt = passphrase or _passphrase_fd is not None
    public = setup.create_key(path, algorithm, encrypt=encrypt)
    if as_json:
        render.document(
            {"id": public.id, "role": role.value, "algorithm": algorithm.value, "private": path,
             "public": f"{path}.pub", "pem": public.pem, "encrypted": encrypt}
        )  # fmt: skip
        return 0
    render.data(public.pem.rstrip("\n"))
    render.talk(f"{role.value} key {public.id}")
    render.talk(f"  private  {path} (keep it where no agent can read it)")
    render.talk(f"  public   {path}.pub")
    return 0


@app.command("list", cls=LaneCommand)
def list_(repo: options.Repo = ".", as_json: options.Json = False) -> int:
    """List the keys at the target's tip, with the ledger's revocations; warn of an end (lane: claude)."""
    from lanectl.flows.policy import ending_gpg
    from lanectl.wiring import authority as wiring

    with wiring.desk(repo) as desk:
        registry, now = desk.registry, desk.registry.system.now()
        gpg = ending_gpg(registry.trust, now, desk.side.gpg)
        revocations.show_ring(registry.standing().keyring, now, tuple(gpg), as_json=as_json)
    return 0


@app.command("revoke", cls=LaneCommand)
def revoke(
    key_id: KeyId,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why; everybody will read it.")],
    compromised_since: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Such as 2026-01-31T12:00:00Z. [default: now]"),
    ] = None,
    key: options.OrderKey = None,
    _passphrase_fd: options.PassphraseFd = None,
    repo: options.Repo = ".",
    as_json: options.Json = False,
) -> int:
    """Revoke a key with a lead's: at once in the ledger, and in the keyring file (lane: claude)."""
    from lanectl.flows import revoke as flow
    from lanectl.formats.keyring import PATH
    from lanectl.wiring import authority as wiring

    since = revocations.time_of(compromised_since, "--compromised-since")
    with wiring.desk(repo) as desk:
        done = flow.revoke(
            desk.registry, wiring.signer(key, Role.LEAD), key_id,
            reason=reason, since=since, work_tree=desk.read(PATH),
        )  # fmt: skip
        if done.file and done.file.changes:
            desk.write(done.file)
        revocations.show_revoked(done, desk.top, has_root=desk.has_root, as_json=as_json)
    return 0


@app.command("rotate", cls=LaneCommand)
def rotate(
    key_id: Annotated[
        str | None,
        typer.Argument(metavar="[KEYID]", help="The key's id, or its first 8 digits or more."),
    ] = None,
    role: Annotated[
        Role | None, typer.Option(help="Instead of KEYID: the one valid key of this role.")
    ] = None,
    out: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="[default: beside the role's key, <role>-<date>.pem]"),
    ] = None,
    to: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|agent:KEY",
            help="Make no key: the next one is there already (.pub, or an SSH agent's).",
        ),
    ] = None,
    algorithm: Annotated[
        Algorithm | None, typer.Option(help="The kind of key. [default: the old one's]")
    ] = None,
    days: Annotated[
        int, typer.Option(min=1, max=3650, help="How long the new key is valid.")
    ] = 365,
    overlap_days: Annotated[
        int, typer.Option(min=0, max=365, help="How long the old key stays valid beside it.")
    ] = 7,
    passphrase: Passphrase = False,
    _passphrase_fd: options.PassphraseFd = None,
    gpg: Annotated[
        bool,
        typer.Option("--gpg", help="The next signing key of your own gpg; KEYID: a fingerprint."),
    ] = False,
    user_id: Annotated[
        str | None,
        typer.Option(metavar="'NAME <EMAIL>'", help="With --gpg: make the first key of this name."),
    ] = None,
    no_passphrase: Annotated[
        bool, typer.Option("--no-passphrase", help="With --gpg: leave it to the machine's locks.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show, write nothing.")] = False,
    repo: options.Repo = ".",
    as_json: options.Json = False,
) -> int:
    """Make a key's successor and register it; both are good for a while (any lane; needs write access)."""
    from lanectl.wiring import setup

    if gpg:
        from lanectl.cli.keys_gpg import rotate_gpg

        return rotate_gpg(key_id, user_id, no_passphrase=no_passphrase, as_json=as_json)
    if user_id or no_passphrase:
        raise UsageError("--user-id and --no-passphrase need --gpg")
    if to and (out or algorithm or passphrase):
        raise UsageError(
            "--to names a key that is there; --out, --algorithm and --passphrase make one"
        )
    successor = setup.Successor(to, out, algorithm, passphrase or _passphrase_fd is not None)
    done, path = setup.rotate_key(
        repo, key_id, role, successor, days=days, overlap=overlap_days, write=not dry_run
    )
    has_root = setup.has_root(repo)
    rotation.show_rotated(done, path, has_root=has_root, dry_run=dry_run, as_json=as_json)
    return 0


@app.command("export", cls=LaneCommand)
def export(
    key: Annotated[
        str,
        typer.Argument(
            metavar="KEYID|FILE|agent:KEY",
            help="A key at the target's tip, in a file (./NAME), or with an SSH agent.",
        ),
    ],
    form: Annotated[
        PublicFormat, typer.Option("--format", help="PEM, or OpenSSH's one line.")
    ] = PublicFormat.PEM,
    _passphrase_fd: options.PassphraseFd = None,
    repo: options.Repo = ".",
    as_json: options.Json = False,
) -> int:
    """Print the public part of a key, never the private one (any lane)."""
    from lanectl.wiring import setup

    public = setup.public_key(key, repo)
    rotation.show_public(public, ssh=form is PublicFormat.SSH, as_json=as_json)
    return 0


@app.command("impact", cls=LaneCommand)
def impact(
    key_id: Annotated[
        str,
        typer.Argument(
            metavar="SIGNER",
            help="A key's id or its first 8 digits or more; keyless:ISSUER#IDENTITY, gpg:FINGERPRINT or spiffe://DOMAIN/PATH whole.",
        ),
    ],
    since: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="[default: since the key was compromised, else all]"),
    ] = None,
    repo: options.Repo = ".",
    as_json: options.Json = False,
) -> int:
    """List what depends on a key or another signer; exit code 1 if anything does (lane: claude)."""
    from lanectl.flows import impact as flow
    from lanectl.wiring import authority as wiring

    with wiring.desk(repo) as desk:
        found = flow.impact(desk.registry, key_id, revocations.time_of(since, "--since"))
        revocations.show_impact(found, as_json=as_json)
    return ExitCode.FINDINGS if found.suspects else ExitCode.OK
