#!/usr/bin/env bash
# CPython 3.14 and 3.15 from Debian unstable, in a folder of their own. For root, on Debian or a relative of it.
#
#   ci/debian-pythons.sh make [--compiler] [--fresh]   make the folder, in one or two minutes; at once if it is there
#   ci/debian-pythons.sh run COMMAND...                run a command in the folder; this project and the present
#                                                      folder are at their usual paths, and /tmp is empty
#   ci/debian-pythons.sh where                         print the folder; exit status 3 if it cannot be used, and why
#   ci/debian-pythons.sh --arch=arm64 ...              the same for another processor, in a folder of its own, under
#                                                      qemu's user-mode emulation (qemu-user-static, binfmt-support)
#
# The packages of another processor are unpacked and not configured, which emulation would take half an hour for.
#
# --compiler adds g++ and the headers of both interpreters, which some live tests compile extensions with.
# --fresh makes the folder anew: unstable moves on.
#
# The folder is $GILCHECK_DEBIAN, or pytest-gilcheck/debian-unstable in the user's cache; the name of another processor is
# added to it. The packages come from $GILCHECK_DEBIAN_MIRROR, else from the Debian mirror that apt uses, else from
# debootstrap's own.
# No mount outlives a command: each has a mount namespace of its own, which the kernel clears away.
set -euo pipefail

VERSIONS=(3.14 3.15)
ARCH=""
if [[ ${1:-} == --arch=* ]]; then
    ARCH=${1#--arch=}
    shift
fi
FOLDER=${GILCHECK_DEBIAN:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/pytest-gilcheck/debian-unstable}
FOLDER+=${ARCH:+-$ARCH}
KEYS=/usr/share/keyrings/debian-archive-keyring.gpg
PROJECT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
SELF=("$PROJECT/ci/$(basename "${BASH_SOURCE[0]}")" ${ARCH:+"--arch=$ARCH"})
# A folder without it was interrupted while it was made. The last line names what was installed.
STAMP=gilcheck-complete
export PATH=$PATH:/usr/sbin:/sbin

cannot() {
    echo "debian-pythons: $1" >&2
    exit 3
}

needs_root() {
    [ "$(uname -s)" = Linux ] || cannot "this is not Linux"
    [ "$(id -u)" = 0 ] || cannot "only root may mount and chroot: run it as root"
    unshare --mount --propagation private true 2>/dev/null ||
        cannot "root may not mount here. Give the container CAP_SYS_ADMIN; or take an image of Debian unstable, install python3.14 and python3.15, and nox finds them on PATH"
}

# Names of qemu's emulations, by Debian's names of processors.
declare -A EMULATIONS=([arm64]=aarch64 [riscv64]=riscv64 [ppc64el]=ppc64le [s390x]=s390x)

needs_emulation() {
    [ -n "$ARCH" ] && [ "$ARCH" != "$(dpkg --print-architecture)" ] || return 0
    local name=${EMULATIONS[$ARCH]:-}
    [ -n "$name" ] || cannot "no emulation is known for $ARCH: one of ${!EMULATIONS[*]}"
    local misc=/proc/sys/fs/binfmt_misc
    [ -e $misc/register ] || mount -t binfmt_misc binfmt_misc $misc 2>/dev/null ||
        cannot "the kernel does not start programs of other processors (no $misc)"
    [ -e "$misc/qemu-$name" ] || update-binfmts --enable "qemu-$name" 2>/dev/null || true
    # F: the kernel keeps the emulator open, so that it is found from within the folder.
    grep -qs '^flags:.*F' "$misc/qemu-$name" ||
        cannot "programs of $ARCH cannot be started: apt-get install qemu-user-static binfmt-support"
}

mirror() {
    if [ -n "${GILCHECK_DEBIAN_MIRROR:-}" ]; then
        echo "$GILCHECK_DEBIAN_MIRROR"
    elif command -v apt-get >/dev/null; then
        # The archive itself: neither security updates nor other vendors' archives have the suite.
        # shellcheck disable=SC2016  # apt's own variable
        apt-get indextargets --format '$(REPO_URI)' 'Origin: Debian' 'Label: Debian' 'Component: main' 2>/dev/null |
            sed -n 1p
    fi
}

make_folder() {
    local compiler="" fresh=""
    for option in "$@"; do
        case $option in
        --compiler) compiler=yes ;;
        --fresh) fresh=yes ;;
        *) usage ;;
        esac
    done
    [ -z "$compiler" ] || [ -z "$ARCH" ] || cannot "--compiler needs configured packages, which --arch has none of"
    needs_root
    needs_emulation
    mkdir -p "$(dirname "$FOLDER")"
    exec 9>"$FOLDER.lock"
    flock 9
    if [ -n "$fresh" ] || [ ! -e "$FOLDER/$STAMP" ]; then
        command -v debootstrap >/dev/null || cannot "debootstrap is not installed: apt-get install debootstrap"
        [ -e "$KEYS" ] || cannot "$KEYS is missing: apt-get install debian-archive-keyring"
        [ ! -e "$FOLDER" ] || [ -e "$FOLDER/$STAMP" ] || [ -z "$(ls -A "$FOLDER")" ] ||
            cannot "$FOLDER is not empty, and not a folder that this script has made: name another one in GILCHECK_DEBIAN"
        local packages=ca-certificates part=$FOLDER.part source
        source=$(mirror)
        for version in "${VERSIONS[@]}"; do packages+=,python$version,python$version-venv; done
        rm -rf --one-file-system "$part"
        # Until it is complete it has another name, so that an interrupted folder is never used.
        unshare --mount --propagation private \
            debootstrap ${ARCH:+"--arch=$ARCH" --foreign} --variant=minbase --keyring="$KEYS" --include="$packages" sid "$part" ${source:+"$source"} ||
            cannot "debootstrap failed; $part/debootstrap/debootstrap.log says why"
        if [ -n "$ARCH" ]; then
            for package in "$part"/var/cache/apt/archives/*.deb; do dpkg-deb --extract "$package" "$part"; done
        fi
        rm -rf "$part"/var/cache/apt/archives/*.deb
        echo pythons >"$part/$STAMP"
        rm -rf --one-file-system "$FOLDER"
        mv "$part" "$FOLDER"
    fi
    if [ -n "$compiler" ] && ! grep -q compiler "$FOLDER/$STAMP"; then
        local headers=()
        for version in "${VERSIONS[@]}"; do headers+=("python$version-dev"); done
        # The folder's packages may be of another day than the archive's: its lists are read anew, and all is brought up.
        # A mirror may stand still for weeks; debootstrap does not mind either.
        (cd / && DEBIAN_FRONTEND=noninteractive "${SELF[@]}" run sh -ec \
            'apt-get -q -o Acquire::Check-Valid-Until=false update; apt-get -qy upgrade
             apt-get -qy install --no-install-recommends "$@"; apt-get clean' \
            sh g++ libc6-dev "${headers[@]}") || cannot "the compiler could not be installed in $FOLDER"
        echo compiler >>"$FOLDER/$STAMP"
    fi
    for version in "${VERSIONS[@]}"; do (cd / && "${SELF[@]}" run "python$version" -VV); done
}

run() {
    [ "$#" -gt 0 ] || usage
    needs_root
    needs_emulation
    [ -e "$FOLDER/$STAMP" ] || cannot "$FOLDER is missing or incomplete: ${SELF[*]} make"
    exec unshare --mount --propagation private "${SELF[@]}" run-in-namespace "$@"
}

bind() {
    # The same path inside as outside; only what exists.
    [ -e "$1" ] || return 0
    if [ -d "$1" ]; then
        mkdir -p "$FOLDER$1"
    else
        mkdir -p "$(dirname "$FOLDER$1")"
        [ -e "$FOLDER$1" ] || : >"$FOLDER$1"
    fi
    mount --rbind "$1" "$FOLDER$1"
}

run_in_namespace() {
    mount -t proc proc "$FOLDER/proc"
    bind /sys
    bind /dev
    # Nothing is left there when the command ends.
    mount -t tmpfs tmpfs "$FOLDER/tmp"
    bind "$PROJECT"
    # Never over something of the folder's own, such as its root.
    [ -n "$(ls -A "$FOLDER$PWD" 2>/dev/null)" ] || bind "$PWD"
    # Names, and what pip is told about its index here.
    for path in /etc/resolv.conf /etc/hosts /etc/pip.conf "${PIP_CONFIG_FILE:-}" "${PIP_CERT:-}" "${SSL_CERT_FILE:-}" \
        "${REQUESTS_CA_BUNDLE:-}" "${HOME:-/root}/.config/pip" "${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/pip"; do
        [ -z "$path" ] || bind "$(readlink -f "$path")" || true
    done
    export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 TMPDIR=/tmp
    # shellcheck disable=SC2016  # the inner shell's
    exec chroot "$FOLDER" sh -c 'cd "$0" && exec "$@"' "$PWD" "$@"
}

usage() {
    sed -n '2,21s/^# \{0,1\}//p' "${SELF[0]}" >&2
    exit 2
}

case ${1:-} in
make) make_folder "${@:2}" ;;
run) run "${@:2}" ;;
run-in-namespace) run_in_namespace "${@:2}" ;;
where)
    needs_root
    needs_emulation
    [ -e "$FOLDER/$STAMP" ] || cannot "$FOLDER is missing or incomplete: ${SELF[*]} make"
    echo "$FOLDER"
    ;;
*) usage ;;
esac
