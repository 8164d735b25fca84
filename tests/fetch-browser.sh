#!/bin/sh
# Installs the browser tests' tools (a driver for chromium, a checker of WCAG, an OpenID provider), once. The browser
# itself is the system's.
# In:  tests/browser/package.json (versions), npm and its registry. Needs no root.
# Out: .deps/browser, with a stamp of its versions. Does nothing if the stamp fits already, or where npm is missing: the
#      tests then say that they are skipped. On failure: status 1 and one sentence on stderr.
set -eu
cd "$(dirname "$0")/.."

pins=tests/browser/package.json folder=.deps/browser
if ! command -v npm >/dev/null 2>&1; then
    echo "fetch-browser: npm is missing, so the browser tests are skipped (Debian: apt-get install npm)" >&2
    exit 0
fi
# The stamp is written last, so that an interrupted run starts again.
if cmp -s "$folder/stamp" "$pins"; then
    exit 0
fi
mkdir -p .deps
temp=$(mktemp -d .deps/.fetch.XXXXXX)
trap 'rm -rf "$temp"' EXIT
echo "fetching the browser tests' tools (about 20 MB)" >&2
cp "$pins" "$temp/package.json"
if ! npm install --prefix "$temp" --ignore-scripts --no-package-lock --no-audit --no-fund >"$temp/npm.log" 2>&1; then
    echo "fetch-browser: npm could not get the tools; is there a network? It says: $(grep -m1 'npm error' "$temp/npm.log")" >&2
    exit 1
fi
cp "$pins" "$temp/stamp"
rm -rf "$folder"
mv "$temp" "$folder"
