#!/bin/sh
# Fetches libclang for this machine, once: building the webcam reads the kernel's headers with it. Nothing needs it later.
# In:  tools/libclang.txt (version and hashes), PyPI through python3's pip. Needs no root, installs nothing.
# Out: .deps/libclang/libclang.so or .dylib and its licence, where .cargo/config.toml tells the build to look.
#      Where that version is there already, or LIBCLANG_PATH names another, nothing. Status 1 and one sentence on
#      stderr where it can't be had.
set -eu
cd "$(dirname "$0")/.."

fail() { echo "fetch-libclang: $*" >&2; exit 1; }

[ -z "${LIBCLANG_PATH:-}" ] || exit 0
pins=tools/libclang.txt lib=.deps/libclang
version=$(sed -n 's/^libclang==\([0-9.]*\).*/\1/p' "$pins")
system=$(uname -s) machine=$(uname -m)
[ "$machine" != arm64 ] || [ "$system" != Linux ] || machine=aarch64
case "$system $machine" in
    "Linux x86_64") platform=manylinux2010_x86_64 file=libclang.so ;;
    "Linux aarch64") platform=manylinux2014_aarch64 file=libclang.so ;;
    # Only Linux's webcam reads headers.
    Darwin*) exit 0 ;;
    *) fail "there is no libclang wheel for $system $machine: install your system's, or build with" \
        "\`cargo build --no-default-features\` and the features you want but webcam" ;;
esac

# The version is written last, so a run that was cut off is done again.
if [ -f "$lib/$file" ] && [ "$(cat "$lib/version" 2>/dev/null)" = "$version $platform" ]; then
    exit 0
fi
python3 -c '' >/dev/null 2>&1 || fail "python3 is missing: install Python 3 with pip"
python3 -m pip --version >/dev/null 2>&1 || fail "python3 has no pip: install it (Debian: apt-get install python3-pip)"

mkdir -p "$lib"
# Beside the library, for mv to be atomic.
temp=$(mktemp -d "$lib/.fetch.XXXXXX")
trap 'rm -rf "$temp"' EXIT
trap 'exit 130' HUP INT TERM

echo "fetching libclang $version for $system $machine (about 25 MB)" >&2
if ! python3 -m pip download --disable-pip-version-check --no-input --retries 2 --timeout 30 \
    --no-deps --only-binary=:all: --require-hashes --platform "$platform" -r "$pins" -d "$temp" \
    >"$temp/pip.log" 2>&1; then
    if grep -q 'DO NOT MATCH THE HASHES' "$temp/pip.log"; then
        fail "the libclang wheel that pip got is not the one pinned in $pins (its sha256 differs): thrown away"
    fi
    fail "pip could not download libclang $version; is there a network? pip says:" \
        "$(grep '^ERROR' "$temp/pip.log" | tail -n 1)"
fi

python3 - "$temp" "$file" <<'PY' || fail "the libclang wheel could not be unpacked into $lib; is the disk full?"
import pathlib, shutil, sys, zipfile
folder, file = pathlib.Path(sys.argv[1]), sys.argv[2]
[wheel] = folder.glob("*.whl")
with zipfile.ZipFile(wheel) as archive:
    for end, out in ((f"/native/{file}", file), ("/LICENSE.TXT", "LICENSE-libclang")):
        [inside] = [name for name in archive.namelist() if name.endswith(end)]
        with archive.open(inside) as source, open(folder / out, "wb") as target:
            shutil.copyfileobj(source, target)
PY
mv "$temp/LICENSE-libclang" "$temp/$file" "$lib/"
echo "$version $platform" >"$temp/version"
mv "$temp/version" "$lib/"
