"""What `lanectl keys rotate --gpg` does and shows."""

from __future__ import annotations

from lanectl.cli import render


def rotate_gpg(
    fingerprint: str | None, user_id: str | None, *, no_passphrase: bool, as_json: bool
) -> int:
    """Make the next GPG signing key; print its public part and where it belongs."""
    from lanectl.flows import rotate_gpg as flow
    from lanectl.model.trust_policy import TRUST_FOLDER
    from lanectl.wiring import common, gpg

    made = flow.rotate_gpg(
        gpg.gpg_home(), common.system().now(),
        fingerprint=fingerprint, user_id=user_id, is_protected=not no_passphrase,
    )  # fmt: skip
    path = f"{TRUST_FOLDER}/gpg/{made.fingerprint}.asc"
    public = made.public.decode("ascii").rstrip("\n")
    if as_json:
        render.document(
            {"fingerprint": made.fingerprint, "signing": made.signing, "new": made.is_new,
             "expires": f"{made.expires:%Y-%m-%dT%H:%M:%SZ}", "path": path, "public": public}
        )  # fmt: skip
        return 0
    render.data(public)
    render.talk(f"GPG key {made.fingerprint}")
    render.talk(f"  signs with  {made.signing} until {made.expires:%Y-%m-%d %H:%M}Z")
    render.talk(f"  put it in   {path}, and merge that commit before you sign")
    if made.is_new:
        render.talk(
            "  pin it in   lanectl.toml, with the name and email that its commits shall have:"
        )
        render.talk("    [[trust.builder.gpg]]")
        render.talk(f'    fingerprint = "{made.fingerprint}"')
        render.talk('    name = "NAME"')
        render.talk('    email = "EMAIL"')
    return 0
