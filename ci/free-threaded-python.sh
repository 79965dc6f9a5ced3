#!/usr/bin/env bash
# A free-threaded CPython from Debian's source package, in a folder of its own. On Debian or a relative of it.
#
#   ci/free-threaded-python.sh make [--fresh]   download, compile and install 3.13, in about five minutes; at once if it
#                                               is there
#   ci/free-threaded-python.sh where            print the interpreter; exit status 3 if there is none, and why
#   ci/free-threaded-python.sh --version=3.15 ...   the same for another version: 3.13, 3.14 or 3.15
#
# Compiling needs a C compiler, make and the headers of what the standard library binds, as root: apt-get install gcc make
# dpkg-dev libssl-dev libffi-dev zlib1g-dev libbz2-dev liblzma-dev libsqlite3-dev. Nothing else needs root.
# --fresh compiles it anew, from the newest source package of this version that the mirror has.
#
# The folder is cpython-3.13t, or of another version, in $GILCHECK_FREE_THREADED, or in pytest-gilcheck in the user's cache.
# The source comes from $GILCHECK_DEBIAN_MIRROR, else from the Debian mirror that apt uses, else from deb.debian.org; apt
# checks its signature.
set -euo pipefail

VERSION=3.13
if [[ ${1:-} == --version=* ]]; then
    VERSION=${1#--version=}
    shift
fi
FOLDER=${GILCHECK_FREE_THREADED:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/pytest-gilcheck}/cpython-${VERSION}t
KEYS=/usr/share/keyrings/debian-archive-keyring.gpg
SELF=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)/$(basename "${BASH_SOURCE[0]}")
PYTHON=$FOLDER/bin/python${VERSION}t
# A folder without it was interrupted while it was made. It names the version of the source package.
STAMP=$FOLDER/gilcheck-complete

cannot() {
    echo "free-threaded-python: $1" >&2
    exit 3
}

mirror() {
    if [ -n "${GILCHECK_DEBIAN_MIRROR:-}" ]; then
        echo "$GILCHECK_DEBIAN_MIRROR"
    else
        # shellcheck disable=SC2016  # apt's own variable
        apt-get indextargets --format '$(REPO_URI)' 'Origin: Debian' 'Label: Debian' 'Component: main' 2>/dev/null |
            sed -n 1p | grep . || echo http://deb.debian.org/debian
    fi
}

# Downloads the source into the present folder, by lists of its own: the machine's own apt stays as it is.
download() {
    mkdir -p apt/lists/partial apt/cache/archives/partial
    echo "deb-src [signed-by=$KEYS] $(mirror) sid main" >apt/sources.list
    cat >apt/apt.conf <<END
Dir::Etc::SourceList "$PWD/apt/sources.list";
Dir::Etc::SourceParts "/dev/null";
Dir::State::Lists "$PWD/apt/lists";
Dir::Cache "$PWD/apt/cache";
Acquire::Check-Valid-Until "false";
END
    export APT_CONFIG=$PWD/apt/apt.conf
    apt-get -q update || cannot "the list of sources could not be read from $(mirror)"
    # A mirror that stands still for a while may list a version that it does not have yet.
    local version
    for version in $(apt-cache showsrc "python$VERSION" | sed -n 's/^Version: //p' | sort -rVu); do
        if apt-get -q source --download-only "python$VERSION=$version"; then
            echo "$version" >version
            return
        fi
    done
    cannot "$(mirror) has no source package of python$VERSION"
}

make_folder() {
    case ${1:-} in
    --fresh) rm -f "$STAMP" ;;
    "") ;;
    *) usage ;;
    esac
    mkdir -p "$(dirname "$FOLDER")"
    exec 9>"$FOLDER.lock"
    flock 9
    if [ ! -e "$STAMP" ]; then
        for tool in apt-get cc make dpkg-source; do
            command -v "$tool" >/dev/null || cannot "$tool is not installed: apt-get install gcc make dpkg-dev"
        done
        [ -e "$KEYS" ] || cannot "$KEYS is missing: apt-get install debian-archive-keyring"
        [ ! -e "$FOLDER" ] || [ -e "$PYTHON" ] || [ -z "$(ls -A "$FOLDER")" ] ||
            cannot "$FOLDER is not empty, and not a folder that this script has made: name another place in GILCHECK_FREE_THREADED"
        local build
        build=$(mktemp -d)
        # shellcheck disable=SC2064  # the folder of now
        trap "rm -rf '$build'" EXIT
        cd "$build"
        download
        # As released: Debian's patches are for packages of its own.
        tar -xf python"$VERSION"_*.orig.tar.*
        cd Python-*/
        ./configure --quiet --disable-gil --disable-test-modules --with-ensurepip=install --prefix="$FOLDER"
        # It tests and is not raced: -O1 takes half of the time, and there is nobody who looks at its own lines.
        make -s -j"$(nproc)" EXTRA_CFLAGS="-g0 -O1"
        make -s install DESTDIR="$build/root" EXTRA_CFLAGS="-g0 -O1"
        rm -rf "$FOLDER"
        mv "$build/root$FOLDER" "$FOLDER"
        mv "$build/version" "$STAMP"
    fi
    "$PYTHON" -VV
}

usage() {
    sed -n '2,16s/^# \{0,1\}//p' "$SELF" >&2
    exit 2
}

[[ $VERSION == 3.1[345] ]] || usage
case ${1:-} in
make) make_folder "${@:2}" ;;
where)
    [ -e "$STAMP" ] || cannot "$PYTHON is missing or incomplete: $SELF --version=$VERSION make"
    echo "$PYTHON"
    ;;
*) usage ;;
esac
