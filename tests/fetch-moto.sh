#!/bin/sh
# Installs moto, the tests' stand-in for AWS, once.
# In:  tests/moto.txt (versions), PyPI through python3's pip. Needs no root and no venv (a separate package on Debian).
# Out: .deps/moto, with a stamp of its versions and its Python. Does nothing if the stamp fits already. On failure:
#      status 1 and one sentence on stderr.
set -eu
cd "$(dirname "$0")/.."
me=fetch-moto
. tools/wheel.sh

pins=tests/moto.txt folder=.deps/moto
need_pip
of=$(python3 -c 'import sys; print("python%d.%d" % sys.version_info[:2])')
# The stamp is written last, so that an interrupted run starts again.
if [ -f "$folder/stamp" ] && { echo "$of"; cat "$pins"; } | cmp -s - "$folder/stamp"; then
    exit 0
fi
make_temp .deps
echo "fetching moto, the tests' stand-in for AWS (about 40 MB)" >&2
run_pip moto install --quiet --no-compile --no-deps --target "$temp/moto" -r "$pins"
{ echo "$of"; cat "$pins"; } >"$temp/moto/stamp"
rm -rf "$folder"
mv "$temp/moto" "$folder"
