#!/bin/sh
# Fetches libclang for this machine, once. Only the build needs it: it reads the kernel's webcam headers.
# In:  tools/libclang.txt (version and hashes), PyPI through python3's pip. Needs no root, installs nothing.
# Out: .deps/libclang/libclang.so or .dylib and its licence; .cargo/config.toml points the build there. Does nothing if
#      that version is there already, or if LIBCLANG_PATH is set. On failure: status 1 and one sentence on stderr.
set -eu
cd "$(dirname "$0")/.."
me=fetch-libclang
. tools/wheel.sh

[ -z "${LIBCLANG_PATH:-}" ] || exit 0
pins=tools/libclang.txt lib=.deps/libclang
version=$(sed -n 's/^libclang==\([0-9.]*\).*/\1/p' "$pins")
case "$system $machine" in
    "Linux x86_64") platform=manylinux2010_x86_64 file=libclang.so ;;
    "Linux aarch64") platform=manylinux2014_aarch64 file=libclang.so ;;
    # On macOS, webcam support reads no headers.
    Darwin*) exit 0 ;;
    *) fail "there is no libclang wheel for $system $machine: install your system's, or build with" \
        "\`cargo build --no-default-features\` and the features you want but webcam" ;;
esac

# The version is written last, so that an interrupted run starts again.
if [ -f "$lib/$file" ] && [ "$(cat "$lib/version" 2>/dev/null)" = "$version $platform" ]; then
    exit 0
fi
need_pip
make_temp "$lib"
echo "fetching libclang $version for $system $machine (about 25 MB)" >&2
run_pip "libclang $version" download --no-deps --require-hashes --platform "$platform" -r "$pins" -d "$temp"
unpack "/native/$file" "$file" /LICENSE.TXT LICENSE-libclang
mv "$temp/LICENSE-libclang" "$temp/$file" "$lib/"
echo "$version $platform" >"$temp/version"
mv "$temp/version" "$lib/"
