#!/bin/sh
# Installs moto, the tests' stand-in for AWS, once.
# In:  tests/moto.txt (versions), PyPI through python3's pip. Needs no root, and no venv (which Debian packages apart).
# Out: .deps/moto, and the versions and the Python that it is of. Where those are there already, nothing. Status 1 and
#      one sentence on stderr where it can't be had.
set -eu
cd "$(dirname "$0")/.."

fail() { echo "fetch-moto: $*" >&2; exit 1; }

pins=tests/moto.txt folder=.deps/moto
python3 -c '' >/dev/null 2>&1 || fail "python3 is missing: install Python 3 with pip"
of=$(python3 -c 'import sys; print("python%d.%d" % sys.version_info[:2])')
# The stamp is written last, so a run that was cut off is done again.
if [ -f "$folder/stamp" ] && { echo "$of"; cat "$pins"; } | cmp -s - "$folder/stamp"; then
    exit 0
fi
python3 -m pip --version >/dev/null 2>&1 || fail "python3 has no pip: install it (Debian: apt-get install python3-pip)"

mkdir -p .deps
temp=$(mktemp -d .deps/.moto.XXXXXX)
trap 'rm -rf "$temp"' EXIT
trap 'exit 130' HUP INT TERM
echo "fetching moto, the tests' stand-in for AWS (about 40 MB)" >&2
if ! python3 -m pip install --disable-pip-version-check --no-input --quiet --retries 2 --timeout 30 --no-compile \
    --no-deps --only-binary=:all: --target "$temp/moto" -r "$pins" >"$temp/pip.log" 2>&1; then
    fail "pip could not install moto; is there a network? pip says: $(grep '^ERROR' "$temp/pip.log" | tail -n 1)"
fi
{ echo "$of"; cat "$pins"; } >"$temp/moto/stamp"
rm -rf "$folder"
mv "$temp/moto" "$folder"
