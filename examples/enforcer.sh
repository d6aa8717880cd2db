#!/bin/sh
# The Enforcer's side of a handoff. Usage: enforcer.sh CLONE BUNDLE
#
# `apply` verifies on its own; verifying first shows the report. Prints the commit.
set -eu
clone=$1 bundle=$2

git -C "$clone" fetch --quiet origin
lanectl verify "$bundle" --repo "$clone" >&2
lanectl apply "$bundle" --repo "$clone"
