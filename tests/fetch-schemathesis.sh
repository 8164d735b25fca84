#!/bin/sh
# Installs schemathesis, which tries the web page's server by its OpenAPI document, once.
# In:  tests/schemathesis.txt (versions), PyPI through python3's pip. Needs no root and no venv (a separate package on
#      Debian).
# Out: .deps/schemathesis. On failure: status 1 and one sentence on stderr.
set -eu
cd "$(dirname "$0")/.."
me=fetch-schemathesis
. tools/wheel.sh
fetch_packages schemathesis "schemathesis, which tries the web page's API (about 40 MB)"
