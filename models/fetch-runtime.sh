#!/bin/sh
# Fetches the ONNX Runtime library for this machine, once.
# In:  models/onnxruntime.txt (version and hashes), PyPI through python3's pip. Needs no root, installs nothing.
# Out: .deps/lib/libonnxruntime.so or .dylib, its licence and notices, and a file with its version. Does nothing if that
#      version is there already. On failure: status 1 and one sentence on stderr.
set -eu
cd "$(dirname "$0")/.."
me=fetch-runtime
. tools/wheel.sh

pins=models/onnxruntime.txt lib=.deps/lib
version=$(sed -n 's/^onnxruntime==\([0-9.]*\).*/\1/p' "$pins")
case "$system $machine" in
    "Linux x86_64" | "Linux aarch64") platform=manylinux_2_28_$machine file=libonnxruntime.so ;;
    "Darwin x86_64" | "Darwin arm64") platform=macosx_13_0_universal2 file=libonnxruntime.dylib ;;
    *) fail "there is no ONNX Runtime wheel for $system $machine: build the library and tell handwave where it is" ;;
esac

# The version is written last, so that an interrupted run starts again.
if [ -f "$lib/$file" ] && [ "$(cat "$lib/onnxruntime.version" 2>/dev/null)" = "$version $platform" ]; then
    exit 0
fi
[ "$system" = Darwin ] || getconf GNU_LIBC_VERSION >/dev/null 2>&1 ||
    fail "the ONNX Runtime wheel needs glibc, which this Linux does not have; install its own onnxruntime package"
need_pip
make_temp "$lib"
echo "fetching ONNX Runtime $version for $system $machine (12 to 31 MB)" >&2
run_pip "onnxruntime $version" download --no-deps --require-hashes --python-version 3.12 --implementation cp --abi cp312 \
    --platform "$platform" -r "$pins" -d "$temp"
# libonnxruntime.so.1.20.1 or libonnxruntime.1.20.1.dylib
unpack '/libonnxruntime\.(so\.[0-9.]+|[0-9.]+\.dylib)' "$file" onnxruntime/LICENSE LICENSE-onnxruntime \
    onnxruntime/ThirdPartyNotices.txt ThirdPartyNotices-onnxruntime.txt
mv "$temp/LICENSE-onnxruntime" "$temp/ThirdPartyNotices-onnxruntime.txt" "$lib/"
mv "$temp/$file" "$lib/$file"
echo "$version $platform" >"$temp/onnxruntime.version"
mv "$temp/onnxruntime.version" "$lib/"
