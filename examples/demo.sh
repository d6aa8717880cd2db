#!/bin/sh
# The whole way of a change, on real repositories in a temporary folder: `make demo` runs it.
# Needs `lanectl` and `git` in PATH; touches nothing of yours and removes what it made.
set -eu
examples=$(cd "$(dirname "$0")" && pwd)
demo=$(mktemp -d "${TMPDIR:-/tmp}/lanectl-demo.XXXXXX")
trap 'rm -rf "$demo"' EXIT
trap 'exit 130' INT TERM

export HOME="$demo/home" LANECTL_OPERATOR_CONFIG="$demo/home/enforcer.toml"
unset XDG_CONFIG_HOME XDG_STATE_HOME XDG_CACHE_HOME LANECTL_BUILDER_KEY || true
mkdir "$HOME"
git config --global user.name "Demo Person"
git config --global user.email person@example.test
git config --global init.defaultBranch main
git config --global advice.detachedHead false

if [ -t 1 ]; then bold=$(printf '\033[1m') plain=$(printf '\033[0m'); else bold='' plain=''; fi
say() { printf '\n%s== %s%s\n' "$bold" "$*" "$plain"; }
exec 3>&1
# Print a command, short of the folders that only this demo has, and run it.
run() {
  printf '$ %s\n' "$*" | sed -e "s|$demo/||g" -e "s|$examples/|examples/|g" >&3
  "$@"
}

say "1. A repository with history, a clone for each lane"
git init -q --bare "$demo/shop.git"
git clone -q "$demo/shop.git" "$demo/person" 2>/dev/null
cd "$demo/person"
mkdir src docs
printf 'def login(user):\n    return user\n' > src/login.py
printf 'def logout(user):\n    return None\n' > src/logout.py
printf '# Shop\n' > docs/notes.md
printf 'requests==2.32.4 --hash=sha256:27d0316682c8a29834d3264820024b62a36942083d52caf2f14c0591336d3422\n' > requirements.txt
printf '#!/bin/sh\necho shop\n' > run.sh
printf '\211PNG\r\n\032\n\000old' > logo.png
git add -A && git commit -q -m "Begin the shop"
printf '# Shop\n\nSells things.\n' > docs/notes.md
git commit -q -a -m "Say what it is" && git push -q origin HEAD:main
git log --oneline

say "2. Trust: three keys, registered on main by a person, pinned by the operator"
run lanectl keys new --role builder
run lanectl keys new --role enforcer
run lanectl keys new --role lead
run lanectl init --builder-key "$HOME/.config/lanectl/keys/builder.pem.pub" \
  --enforcer-key "$HOME/.config/lanectl/keys/enforcer.pem.pub" \
  --lead-key "$HOME/.config/lanectl/keys/lead.pem.pub" > "$demo/init.diff"
grep '^+++' "$demo/init.diff"
git add -A && git commit -q -m "Register the lanes" && git push -q origin HEAD:main
git clone -q "$demo/shop.git" "$demo/builder"
git clone -q "$demo/shop.git" "$demo/enforcer"
cd "$demo/enforcer"
run lanectl init --enforcer --repo "$demo/shop.git" --branch main > /dev/null

say "3. The Builder changes something of every kind"
cd "$demo/builder"
printf 'def login(user):\n    if not user:\n        raise ValueError("no user")\n    return user\n' > src/login.py
printf 'def test_login():\n    assert True\n' > src/test_login.py
printf '\211PNG\r\n\032\n\000new' > logo.png
chmod +x run.sh
git mv docs/notes.md docs/README.md
git rm -q src/logout.py
git status --short

say "4. The Builder packs it: unsigned in its sandbox, signed outside"
run sh "$examples/builder.sh" . fix-login "Refuse a login without a user" > "$demo/bundle"
bundle=$(cat "$demo/bundle")

say "5. What is inside"
cd "$demo/enforcer"
run lanectl inspect "$bundle"

say "6. The Enforcer verifies and applies it"
run sh "$examples/enforcer.sh" . "$bundle"

say "7. The commit, its marker and trailers"
git log -1 --format=fuller --stat feature/fix-login
run lanectl apply "$bundle"
run lanectl verify "$bundle" --commit feature/fix-login | tail -n 1

say "8. The same bundle with one byte changed"
cp "$bundle" "$demo/artifact.tar.gz"
cp "$bundle.sigstore.json" "$demo/artifact.tar.gz.sigstore.json"
printf 'X' | dd of="$demo/artifact.tar.gz" bs=1 seek=200 conv=notrunc 2>/dev/null
if run lanectl apply "$demo/artifact.tar.gz"; then
  echo "the tampered bundle was accepted" >&2
  exit 1
else
  printf 'refused, exit code %s; branches: %s\n' "$?" "$(git branch --list | tr -d '\n')"
fi

say "9. A change of the pipeline is well signed, and waits for a lead"
cd "$demo/builder"
git stash -q -u
mkdir -p .github/workflows
printf 'on: push\njobs: {}\n' > .github/workflows/test.yml
sh "$examples/builder.sh" . run-tests "Run the tests on every push" > "$demo/bundle" 2>/dev/null
pipeline=$(cat "$demo/bundle")
cd "$demo/enforcer"
if run lanectl apply "$pipeline"; then
  echo "the pipeline was accepted without an approval" >&2
  exit 1
else
  printf 'held, exit code %s\n' "$?"
fi
run lanectl approve "$pipeline" --rule protected/ci --reason "it runs the tests, and nothing else"
run lanectl apply "$pipeline"

say "10. What the ledger remembers, and whether it still holds"
run lanectl ledger show
run lanectl ledger verify
