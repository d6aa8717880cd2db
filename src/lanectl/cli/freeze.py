"""`lanectl freeze`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from lanectl.cli import options, render
from lanectl.errors import UsageError
from lanectl.model.display import display

if TYPE_CHECKING:
    from lanectl.flows.authority import Registry
    from lanectl.model.authority import Counted, Override, Standing
    from lanectl.model.names import Digest

_TIME = "%Y-%m-%d %H:%MZ"


def command(
    reason: options.Reason = None,
    lift: Annotated[bool, typer.Option("--lift", help="Lift it (a lead).")] = False,
    bundle: Annotated[
        str | None,
        typer.Option(
            "--except", metavar="DIGEST", help="Except this bundle, once two leads said so."
        ),
    ] = None,
    hours: Annotated[
        int | None, typer.Option(min=1, max=24, help="With --except: how long. [default: 1]")
    ] = None,
    status: Annotated[
        bool, typer.Option("--status", help="Say what is frozen; change nothing.")
    ] = False,
    key: options.OrderKey = None,
    repo: options.Repo = ".",
    _passphrase_fd: options.PassphraseFd = None,
    as_json: options.Json = False,
) -> int:
    """Stop every apply and publish until a lead lifts it (lane: claude). Recorded and signed."""
    from lanectl.wiring import authority as wiring

    _check(reason, key, lift=lift, bundle=bundle, hours=hours, status=status)
    with wiring.desk(repo) as desk:
        registry = desk.registry
        if status:
            _show(registry.standing(), as_json=as_json)
        elif bundle is not None:
            _except(registry, bundle, str(reason), hours or 1, key, as_json=as_json)
        elif lift:
            _lift(registry, str(reason), key, as_json=as_json)
        else:
            _freeze(registry, str(reason), key, as_json=as_json)
    return 0


def _check(
    reason: str | None,
    key: str | None,
    *,
    lift: bool,
    bundle: str | None,
    hours: int | None,
    status: bool,
) -> None:
    if lift + status + (bundle is not None) > 1:
        raise UsageError("--lift, --except and --status are three different commands")
    if hours is not None and bundle is None:
        raise UsageError("--hours needs --except")
    if status and (reason or key):
        raise UsageError("--status takes no --reason or --key")
    if not status and not (reason or "").strip():
        raise UsageError("say why: --reason TEXT")


def _freeze(registry: Registry, reason: str, key: str | None, *, as_json: bool) -> None:
    from lanectl.flows.freeze import freeze
    from lanectl.wiring import authority as wiring

    frozen = freeze(registry, wiring.signer(key, *wiring.FREEZERS), reason)
    if as_json:
        render.document({"frozen": _order(frozen)})
    else:
        render.data(f"frozen by {_who(frozen)}: nothing is applied or published")
        render.talk("  a lead lifts it: lanectl freeze --lift --reason TEXT --key LEADKEY")


def _lift(registry: Registry, reason: str, key: str | None, *, as_json: bool) -> None:
    from lanectl.flows.freeze import lift
    from lanectl.model.trust import Role
    from lanectl.wiring import authority as wiring

    lifted = lift(registry, wiring.signer(key, Role.LEAD), reason)
    if as_json:
        render.document({"lifted": _order(lifted) if lifted else None})
    else:
        render.data(f"lifted by {_who(lifted)}" if lifted else "nothing is frozen")


def _except(
    registry: Registry, text: str, reason: str, hours: int, key: str | None, *, as_json: bool
) -> None:
    from lanectl.flows.freeze import except_bundle
    from lanectl.model.trust import Role
    from lanectl.wiring import authority as wiring

    bundle = _digest(text)
    asked = except_bundle(registry, wiring.signer(key, Role.LEAD), bundle, reason, hours)
    if as_json:
        override = _override(bundle, asked.override) if asked.override else None
        render.document({"signed": _order(asked.record), "override": override})
    elif asked.override:
        render.data(_in_force(bundle, asked.override))
    else:
        render.data(
            f"signed by {_who(asked.record)}; not in force: a second lead must sign it, too"
        )
        render.talk(f"  with the same reason: {display(reason)}")


def _digest(text: str) -> Digest:
    from lanectl.model.names import Digest

    try:
        return Digest(text.removeprefix("sha256:"))
    except ValueError as error:
        raise UsageError(f"--except: {display(str(error))}") from error


def _show(standing: Standing, *, as_json: bool) -> None:
    frozen = standing.frozen
    if as_json:
        render.document(
            {
                "frozen": _order(frozen) if frozen else None,
                "overrides": [_override(b, o) for b, o in standing.overrides.items()],
                "waiting": [_order(c) for c in standing.half],
            }
        )
        return
    if frozen is None:
        render.data("nothing is frozen")
        return
    render.data(f"frozen since {frozen.at:{_TIME}} by {_who(frozen)}")
    render.data(f"  {display(frozen.record.reason)}")
    for bundle, override in standing.overrides.items():
        render.data(_in_force(bundle, override))
    for one in standing.half:
        render.data(
            f"waits for a second lead: sha256:{one.record.subject['bundle']}, signed by {_who(one)}"
        )
        render.data(f"  {display(one.record.reason)}")


def _who(one: Counted) -> str:
    return f"{display(one.signer.name)} ({one.signer.role.value})"


def _in_force(bundle: Digest, override: Override) -> str:
    both = f"{_who(override.first)} and {_who(override.second)}"
    return f"sha256:{bundle} is excepted until {override.until:{_TIME}} by {both}"


def _order(one: Counted) -> dict[str, Any]:
    return {
        "event": one.record.id,
        "seq": one.seq,
        "at": one.at.isoformat(),
        "by": display(one.signer.name),
        "role": one.signer.role.value,
        "key": one.signer.public.id,
        "reason": display(one.record.reason),
        "subject": dict(one.record.subject),
        "expires": one.record.expires.isoformat() if one.record.expires else None,
    }


def _override(bundle: Digest, override: Override) -> dict[str, Any]:
    return {
        "bundle": f"sha256:{bundle}",
        "until": override.until.isoformat(),
        "signed": [_order(override.first), _order(override.second)],
    }
