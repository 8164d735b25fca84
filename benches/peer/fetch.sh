#!/bin/sh
# Installs the peer of `make bench`, MediaPipe Hands with cvzone, once.
# In:  benches/peer/peer.txt (versions), PyPI through python3's pip, Python 3.9 to 3.12 (MediaPipe 0.10.21's).
# Out: .deps/peer; in it person.png, a photo of a person who shows no hand (scikit-image's `astronaut`, by NASA, public
#      domain). Does nothing if those versions are there already. On failure: status 1 and one sentence on stderr.
set -eu
cd "$(dirname "$0")/../.."
me=fetch-peer
. tools/wheel.sh

pins=benches/peer/peer.txt folder=.deps/peer photos=scikit-image==0.24.0
need_pip
of=$(python3 -c 'import sys; print("python%d.%d" % sys.version_info[:2])')
case $of in
    python3.9 | python3.10 | python3.11 | python3.12) ;;
    *) fail "the peer, MediaPipe 0.10.21, has wheels for Python 3.9 to 3.12, and python3 is $of: put one of those first in PATH" ;;
esac
# The stamp is written last, so that an interrupted run starts again.
if [ -f "$folder/stamp" ] && { echo "$of"; cat "$pins"; } | cmp -s - "$folder/stamp"; then
    exit 0
fi
make_temp .deps
echo "fetching MediaPipe, cvzone and what they load (about 170 MB)" >&2
run_pip "the peer" install --quiet --no-compile --no-deps --no-binary cvzone --target "$temp/peer" -r "$pins"
run_pip "a photo of a person" download --quiet --no-deps "$photos" -d "$temp"
unpack skimage/data/astronaut.png peer/person.png
{ echo "$of"; cat "$pins"; } >"$temp/peer/stamp"
rm -rf "$folder"
mv "$temp/peer" "$folder"
