# Functions for the scripts that fetch something from PyPI. They source it in the repository's root.
# In:  `me`, the script's name, for messages; python3's pip. Needs no root and no venv (a separate package on Debian).
# Out: functions, and `system` and `machine` as PyPI's wheels name them.

fail() { echo "$me: $*" >&2; exit 1; }

system=$(uname -s) machine=$(uname -m)
[ "$machine" != arm64 ] || [ "$system" != Linux ] || machine=aarch64

need_pip() {
    python3 -c '' >/dev/null 2>&1 || fail "python3 is missing: install Python 3 with pip"
    python3 -m pip --version >/dev/null 2>&1 || fail "python3 has no pip: install it (Debian: apt-get install python3-pip)"
}

# make_temp FOLDER: makes the folder, and `temp` inside it, so that mv out of it is atomic.
make_temp() {
    mkdir -p "$1"
    temp=$(mktemp -d "$1/.fetch.XXXXXX")
    trap 'rm -rf "$temp"' EXIT
    trap 'exit 130' HUP INT TERM
}

# run_pip WHAT COMMAND OPTION...: runs pip; if it fails, says why in one sentence.
run_pip() {
    what=$1 command=$2
    shift 2
    python3 -m pip "$command" --disable-pip-version-check --no-input --retries 2 --timeout 30 --only-binary=:all: \
        "$@" >"$temp/pip.log" 2>&1 && return
    ! grep -q 'DO NOT MATCH THE HASHES' "$temp/pip.log" ||
        fail "what pip got for $what is not what is pinned (its sha256 differs): thrown away"
    fail "pip could not get $what; is there a network? pip says: $(grep '^ERROR' "$temp/pip.log" | tail -n 1)"
}

# fetch_packages NAME WHAT: installs the packages that tests/NAME.txt pins into .deps/NAME, once, with a stamp of their
# versions and their Python. Without their dependencies: all are pinned. WHAT is for the message, with the size.
fetch_packages() {
    name=$1 pins=tests/$1.txt folder=.deps/$1
    need_pip
    of=$(python3 -c 'import sys; print("python%d.%d" % sys.version_info[:2])')
    if [ -f "$folder/stamp" ] && { echo "$of"; cat "$pins"; } | cmp -s - "$folder/stamp"; then
        return
    fi
    make_temp .deps
    echo "fetching $2" >&2
    run_pip "$name" install --quiet --no-compile --no-deps --target "$temp/$name" -r "$pins"
    # The stamp is written last, so that an interrupted run starts again.
    { echo "$of"; cat "$pins"; } >"$temp/$name/stamp"
    rm -rf "$folder"
    mv "$temp/$name" "$folder"
}

# unpack PATTERN OUT...: for each pattern, takes the one file whose name ends with it out of the wheel in `temp`.
unpack() {
    python3 - "$temp" "$@" <<'PY' || fail "the wheel could not be unpacked; is the disk full?"
import pathlib, re, shutil, sys, zipfile
folder, *pairs = sys.argv[1:]
[wheel] = pathlib.Path(folder).glob("*.whl")
with zipfile.ZipFile(wheel) as archive:
    for pattern, out in zip(pairs[::2], pairs[1::2]):
        [inside] = [name for name in archive.namelist() if re.search(pattern + "$", name)]
        with archive.open(inside) as source, open(pathlib.Path(folder) / out, "wb") as target:
            shutil.copyfileobj(source, target)
PY
}
