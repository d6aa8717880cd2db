"""`lanectl sign`."""

from __future__ import annotations

from lanectl.cli import options, render


def command(
    bundle: options.BundleFile,
    key: options.KeyFile = None,
    signature: options.SignatureFile = None,
    _passphrase_fd: options.PassphraseFd = None,
    as_json: options.Json = False,
) -> int:
    """Sign a packed bundle, outside the sandbox (lane: codex). Prints the signature's path."""
    from lanectl.flows.sign import sign
    from lanectl.model.settings import Limits
    from lanectl.wiring import codex, common

    signer = codex.builder_signer(key)
    artifact, draft = codex.unsigned_bundle(bundle)
    signed = sign(artifact, draft, signer=signer, system=common.system(), limit=Limits().inflated)
    path = codex.write_signature(bundle, signed.signature, signature)
    if as_json:
        render.document({"path": path, "bundle": f"sha256:{signed.digest}", "key": signed.key})
    else:
        render.data(path)
        render.talk(f"signed sha256:{signed.digest} by key {signed.key}")
    return 0
