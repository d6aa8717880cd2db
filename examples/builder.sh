#!/bin/sh
# The Builder's side of a handoff. Usage: builder.sh CLONE SLUG TITLE
#
# The first half is what an agent runs inside its sandbox: no network, no key, `.git` read-only.
# The second half is what a trusted process runs outside: it signs what it finds whole.
# Prints the bundle's path.
set -eu
clone=$1 slug=$2 title=$3

# inside the sandbox
bundle=$(lanectl pack --repo "$clone" --slug "$slug" --title "$title" --unsigned)

# outside the sandbox
lanectl sign "$bundle" >/dev/null

printf '%s\n' "$bundle"
