#!/bin/sh
# Installs what `make build` built and fetched, or removes it again. `make install` and `make uninstall` call it.
# In:  `install` or `uninstall`; PREFIX, where to install (default: ~/.local); DESTDIR, a folder that stands for the
#      root while a package is made (default: none).
# Out: files below PREFIX, and their list in PREFIX/lib/handwave/installed. `uninstall` removes what is on that list,
#      and the folders that `install` made, if they are empty. On failure: status 1 and one sentence on stderr.
set -eu
umask 022

fail() { echo "install: $*" >&2; exit 1; }

# absolute PATH: without a slash at its end. The shell expands ~ in few places, so it is expanded here.
absolute() {
    case $1 in
        "~" | "~/"*) path=$HOME${1#\~} ;;
        "" | /*) path=$1 ;;
        *) path=$PWD/$1 ;;
    esac
    printf %s "${path%/}"
}

prefix=$(absolute "${PREFIX:-$HOME/.local}") destdir=$(absolute "${DESTDIR:-}")
cd "$(dirname "$0")/.."
system=$(uname -s)
list=$prefix/lib/handwave/installed

# make_folder PATH: makes it with its parents, and adds those that were not there to the list. Paths are DESTDIR's.
make_folder() {
    [ ! -d "$destdir$1/" ] || return 0
    if [ -n "$1" ]; then
        make_folder "${1%/*}"
        mkdir "$destdir$1"
    else
        mkdir -p "$destdir"
    fi
    echo "folder ${1:-/}" >>"$new"
}

# put MODE FROM TO: installs a file and adds it to the list.
put() {
    [ -f "$2" ] || fail "there is no $2: run make build first"
    make_folder "${3%/*}"
    install -m "$1" "$2" "$destdir$3"
    echo "file $3" >>"$new"
}

# keep_list: joins the new list with the old one. A file that this version no longer has is removed.
keep_list() {
    if [ -f "$destdir$list" ]; then
        [ "$1" != complete ] || grep '^file ' "$destdir$list" | grep -vxF -f "$new" | remove_files
        grep '^folder ' "$destdir$list" >>"$new" || true
        [ "$1" = complete ] || grep '^file ' "$destdir$list" >>"$new" || true
    fi
    LC_ALL=C sort -u "$new" >"$destdir$list"
}

# remove_files: those of the list on stdin, below PREFIX only.
remove_files() {
    while read -r kind path; do
        case "$kind $path" in "file $prefix/"*) rm -f "$destdir$path" ;; esac
    done
}

install_all() {
    binary=target/release/handwave library=libonnxruntime.so
    [ "$system" != Darwin ] || library=libonnxruntime.dylib
    [ -x "$binary" ] || fail "there is no $binary: run make build first"
    work=$(mktemp -d) new=$work/new
    : >"$new"
    trap 'rm -rf "$work"' EXIT
    trap 'exit 130' HUP INT TERM
    make_folder "$prefix/lib/handwave"
    # If this stops half way, what is there already is on the list.
    trap 'keep_list partial; rm -rf "$work"' EXIT

    put 755 "$binary" "$prefix/bin/handwave"
    put 755 ".deps/lib/$library" "$prefix/lib/handwave/$library"
    "$binary" man "$work/man"
    for page in "$work"/man/*.1; do
        put 644 "$page" "$prefix/share/man/man1/${page##*/}"
    done
    for shell in bash zsh fish; do
        "$binary" completions "$shell" >"$work/$shell"
    done
    put 644 "$work/bash" "$prefix/share/bash-completion/completions/handwave"
    put 644 "$work/zsh" "$prefix/share/zsh/site-functions/_handwave"
    put 644 "$work/fish" "$prefix/share/fish/vendor_completions.d/handwave.fish"
    for doc in config.toml docs/iam-policy.json; do
        put 644 "$doc" "$prefix/share/doc/handwave/${doc##*/}"
    done
    licenses=$prefix/share/licenses/handwave
    put 644 LICENSE "$licenses/LICENSE"
    put 644 src/canvas/font/OFL.txt "$licenses/LICENSE-font"
    for license in models/LICENSE-* .deps/lib/LICENSE-onnxruntime .deps/lib/ThirdPartyNotices-onnxruntime.txt; do
        put 644 "$license" "$licenses/${license##*/}"
    done
    if [ "$system" = Linux ]; then
        # % is special to systemd; &, | and \ are to sed.
        bin=$(printf %s "$prefix/bin" | sed 's/%/%%/g; s/[&|\\]/\\&/g')
        sed "s|@BIN@|$bin|" tools/handwave.service.in >"$work/handwave.service"
        put 644 "$work/handwave.service" "$prefix/share/systemd/user/handwave.service"
    fi
    trap 'rm -rf "$work"' EXIT
    keep_list complete
    echo "handwave is installed: $destdir$prefix/bin/handwave"
    case ":$PATH:" in
        *":$prefix/bin:"*) ;;
        *) [ -n "$destdir" ] || echo "$prefix/bin is not in your PATH" ;;
    esac
}

uninstall_all() {
    [ -f "$destdir$list" ] || fail "handwave is not installed in $destdir$prefix (there is no $destdir$list)"
    folders=$(sed -n 's/^folder //p' "$destdir$list" | LC_ALL=C sort -r)
    remove_files <"$destdir$list"
    rm "$destdir$list"
    # A folder that holds something else stays.
    printf '%s\n' "$folders" | while read -r folder; do
        rmdir "$destdir$folder" 2>/dev/null || true
    done
    echo "handwave is uninstalled from $destdir$prefix"
}

case ${1:-} in
    install) install_all ;;
    uninstall) uninstall_all ;;
    *) fail "say install or uninstall" ;;
esac
