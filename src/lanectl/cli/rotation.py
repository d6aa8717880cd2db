"""What `lanectl keys rotate` and `export` print."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lanectl.cli import render
from lanectl.errors import Remedy
from lanectl.model.display import display, display_lines

if TYPE_CHECKING:
    from lanectl.flows.rotate import Rotation
    from lanectl.model.trust import PublicKey

_DAY = "%Y-%m-%d"


def show_rotated(
    done: Rotation, path: str, *, has_root: bool, dry_run: bool, as_json: bool
) -> None:
    """Print the plan as `init` does, and what is left to do; `path`: the new key, if one was made."""
    old, new, file = done.old, done.new, done.file
    if as_json:
        render.document(
            {
                "role": old.role.value,
                "old": {"id": old.public.id, "not_after": old.not_after.isoformat()},
                "new": new and {"id": new.public.id, "not_after": new.not_after.isoformat()},
                "private": display(path) or None,
                "written": [file.path] if file.changes and not dry_run else [],
                "files": [{"path": file.path, "diff": file.diff()}],
            }
        )
        return
    render.data(display_lines(file.diff()).rstrip("\n"))
    render.talk(f"old  {old.role.value} key {old.public.id}, good until {old.not_after:{_DAY}}")
    if new:
        render.talk(f"new  {new.role.value} key {new.public.id}, good until {new.not_after:{_DAY}}")
    if dry_run:
        made = f"make {display(path)}, register it, and " if path else ""
        render.talk(f"would {made}write {file.path}")
        return
    if path:
        render.talk(f"  private  {display(path)} (keep it where no agent can read it)")
        render.talk(f"  public   {display(path)}.pub")
    render.talk(f"wrote {file.path}")
    if has_root:
        render.remedy(render.ENDORSE)
    render.remedy(Remedy("Commit it on the target branch through an ordinary review.",
                         ("git", "add", "--", file.path)))  # fmt: skip
    render.talk(
        "    → Sign with the new key once that is merged; the old one stays good until then."
    )


def show_public(key: PublicKey, *, ssh: bool, as_json: bool) -> None:
    """Print the public part of a key, as PEM or as OpenSSH's line."""
    from lanectl.formats.keys import fingerprint, openssh

    if as_json:
        render.document(
            {
                "id": key.id,
                "algorithm": key.algorithm.value,
                "fingerprint": fingerprint(key),
                "pem": key.pem,
                "ssh": openssh(key),
            }
        )
        return
    render.data(openssh(key) if ssh else key.pem.rstrip("\n"))
    render.talk(f"key {key.id}")
    render.talk(f"  {key.algorithm.value}, {fingerprint(key)}")
