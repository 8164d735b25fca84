#!/bin/sh
# Installs moto, the tests' stand-in for AWS, once.
# In:  tests/moto.txt (versions), PyPI through python3's pip. Needs no root and no venv (a separate package on Debian).
# Out: .deps/moto. On failure: status 1 and one sentence on stderr.
set -eu
cd "$(dirname "$0")/.."
me=fetch-moto
. tools/wheel.sh
fetch_packages moto "moto, the tests' stand-in for AWS (about 40 MB)"
