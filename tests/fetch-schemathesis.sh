#!/bin/sh
# Installs schemathesis, which tries the web page's server by its OpenAPI document, once.
# In:  tests/schemathesis.txt (versions), PyPI through python3's pip. Needs no root and no venv (a separate package on
#      Debian).
# Out: .deps/schemathesis, with a stamp of its versions and its Python. Does nothing if the stamp fits already. On
#      failure: status 1 and one sentence on stderr.
set -eu
cd "$(dirname "$0")/.."
me=fetch-schemathesis
. tools/wheel.sh

pins=tests/schemathesis.txt folder=.deps/schemathesis
need_pip
of=$(python3 -c 'import sys; print("python%d.%d" % sys.version_info[:2])')
# The stamp is written last, so that an interrupted run starts again.
if [ -f "$folder/stamp" ] && { echo "$of"; cat "$pins"; } | cmp -s - "$folder/stamp"; then
    exit 0
fi
make_temp .deps
echo "fetching schemathesis, which tries the web page's API (about 40 MB)" >&2
run_pip schemathesis install --quiet --no-compile --no-deps --target "$temp/schemathesis" -r "$pins"
{ echo "$of"; cat "$pins"; } >"$temp/schemathesis/stamp"
rm -rf "$folder"
mv "$temp/schemathesis" "$folder"
