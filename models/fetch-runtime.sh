#!/bin/sh
# Fetches the ONNX Runtime library for this machine, once.
# In:  models/onnxruntime.txt (version and hashes), PyPI through python3's pip. Needs no root, installs nothing.
# Out: .deps/lib/libonnxruntime.so or .dylib, its licence and notices, and the version that it is of.
#      Where that version is there already, nothing. Status 1 and one sentence on stderr where it can't be had.
set -eu
cd "$(dirname "$0")/.."

fail() { echo "fetch-runtime: $*" >&2; exit 1; }

pins=models/onnxruntime.txt lib=.deps/lib
version=$(sed -n 's/^onnxruntime==\([0-9.]*\).*/\1/p' "$pins")
system=$(uname -s) machine=$(uname -m)
[ "$machine" != arm64 ] || [ "$system" != Linux ] || machine=aarch64
case "$system $machine" in
    "Linux x86_64" | "Linux aarch64") platform=manylinux_2_28_$machine file=libonnxruntime.so ;;
    "Darwin x86_64" | "Darwin arm64") platform=macosx_13_0_$machine file=libonnxruntime.dylib ;;
    *) fail "there is no ONNX Runtime wheel for $system $machine: build the library and tell handwave where it is" ;;
esac

# The version is written last, so a run that was cut off is done again.
if [ -f "$lib/$file" ] && [ "$(cat "$lib/onnxruntime.version" 2>/dev/null)" = "$version $platform" ]; then
    exit 0
fi
[ "$system" = Darwin ] || getconf GNU_LIBC_VERSION >/dev/null 2>&1 ||
    fail "the ONNX Runtime wheel needs glibc, which this Linux does not have; install its own onnxruntime package"
python3 -c '' >/dev/null 2>&1 || fail "python3 is missing: install Python 3 with pip"
python3 -m pip --version >/dev/null 2>&1 || fail "python3 has no pip: install it (Debian: apt-get install python3-pip)"

mkdir -p "$lib"
# Beside the library, for mv to be atomic.
temp=$(mktemp -d "$lib/.fetch.XXXXXX")
trap 'rm -rf "$temp"' EXIT
trap 'exit 130' HUP INT TERM

echo "fetching ONNX Runtime $version for $system $machine (about 20 MB)" >&2
if ! python3 -m pip download --disable-pip-version-check --no-input --retries 2 --timeout 30 \
    --no-deps --only-binary=:all: --require-hashes --python-version 3.12 --implementation cp --abi cp312 \
    --platform "$platform" -r "$pins" -d "$temp" >"$temp/pip.log" 2>&1; then
    if grep -q 'DO NOT MATCH THE HASHES' "$temp/pip.log"; then
        fail "the ONNX Runtime wheel that pip got is not the one pinned in $pins (its sha256 differs): thrown away"
    fi
    fail "pip could not download onnxruntime $version; is there a network? pip says:" \
        "$(grep '^ERROR' "$temp/pip.log" | tail -n 1)"
fi

python3 - "$temp" "$file" <<'PY' || fail "the ONNX Runtime wheel could not be unpacked into $lib; is the disk full?"
import pathlib, shutil, sys, zipfile
folder, file = pathlib.Path(sys.argv[1]), sys.argv[2]
stem, suffix = file.split(".")
[wheel] = folder.glob("*.whl")
with zipfile.ZipFile(wheel) as archive:
    # libonnxruntime.so.1.23.2 or libonnxruntime.1.23.2.dylib
    [library] = [n for n in archive.namelist() if n.startswith(f"onnxruntime/capi/{stem}.") and f".{suffix}" in n]
    for inside, out in ((library, file), ("onnxruntime/LICENSE", "LICENSE-onnxruntime"),
                        ("onnxruntime/ThirdPartyNotices.txt", "ThirdPartyNotices-onnxruntime.txt")):
        with archive.open(inside) as source, open(folder / out, "wb") as target:
            shutil.copyfileobj(source, target)
PY
mv "$temp/LICENSE-onnxruntime" "$temp/ThirdPartyNotices-onnxruntime.txt" "$lib/"
mv "$temp/$file" "$lib/$file"
echo "$version $platform" >"$temp/onnxruntime.version"
mv "$temp/onnxruntime.version" "$lib/"
