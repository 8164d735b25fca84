#!/bin/sh
# Draws the web page's states into one picture, from what the browser tests see.
# In:  target/debug/handwave with the features window and remote, .deps/browser (tests/fetch-browser.sh), node and
#      chromium.
# Out: target/page-looks.png, and each state in target/page-looks. Where node or chromium is missing: one sentence.
set -eu
cd "$(dirname "$0")/.."

CHROMIUM=$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)
if ! command -v node >/dev/null 2>&1 || [ -z "$CHROMIUM" ]; then
    echo "page-looks: the page is not drawn: node or chromium is missing (Debian: apt-get install nodejs chromium)" >&2
    exit 0
fi
export CHROMIUM HANDWAVE="$PWD/target/debug/handwave" TOOLS="$PWD/.deps/browser" PICTURES="$PWD/target/page-looks"
rm -rf "$PICTURES"
node --test --test-name-pattern='WCAG|by mouse|demo|keyboard alone; a wrong' tests/browser/page.test.js >"$PICTURES.log" || {
    echo "page-looks: the page is not as it should be: see $PICTURES.log" >&2
    exit 1
}
node tests/browser/sheet.js "$PICTURES" target/page-looks.png
