#!/bin/sh
# Installs runt, the command line of the notebook cloud at @CLOUD@, for this user:
#
#   curl -fsSL @CLOUD@/install.sh | sh
#
# With arguments it then pairs this machine, as `runt workstation connect` with them:
#
#   curl -fsSL @CLOUD@/install.sh | sh -s -- --code XXXX-XXXX-XXXX
#
# It needs no root. The programs go to ~/.local/bin, or to the folder that RUNT_INSTALL_DIR names; each is checked, tried,
# and only then moved to its place. Kernels that run are not touched.
set -eu

cloud='@CLOUD@'
# What the cloud offers, a line for each system: its name, the file, its SHA-256, and the oldest GNU C library.
archives='
@ARCHIVES@
'

fail() {
    printf 'Error: %s\nHint: %s\n' "$1" "$2" >&2
    exit 1
}

has() {
    command -v "$1" >/dev/null 2>&1
}

# The system's name as the list has it.
system() {
    processor=$(uname -m)
    case $processor in
        amd64) processor=x86_64 ;;
        arm64) processor=aarch64 ;;
    esac
    printf '%s-%s\n' "$(uname -s)" "$processor"
}

# Whether version $1 is at least version $2.
at_least() {
    [ "${1%%.*}" -gt "${2%%.*}" ] || {
        [ "${1%%.*}" -eq "${2%%.*}" ] && minor=${1#*.} && needed=${2#*.} && [ "${minor%%.*}" -ge "${needed%%.*}" ]
    }
}

# Whether the GNU C library here is at least version $1; `-` needs none.
runs_here() {
    [ "$1" = - ] && return 0
    here=$(getconf GNU_LIBC_VERSION 2>/dev/null) || return 1
    at_least "${here#glibc }" "$1"
}

# Sets file, sum and needs to the archive for this system.
choose() {
    machine=$(system)
    file=''
    unfit=''
    while read -r name candidate digest library; do
        [ "$name" = "$machine" ] || continue
        if runs_here "$library"; then
            file=$candidate
            sum=$digest
        else
            unfit=$library
        fi
    done <<END
$archives
END
    [ -n "$file" ] && return
    [ -z "$unfit" ] || fail "runt from $cloud needs the GNU C library $unfit or newer, and this system has $(getconf GNU_LIBC_VERSION 2>/dev/null || echo another library)" \
        "build runt on this machine from the source, or use a newer system"
    fail "$cloud offers no runt for $machine" \
        "put an archive for $machine into its downloads folder (docs/distribution.md), or build runt on this machine from the source"
}

# Downloads address $1 to file $2.
fetch() {
    if has curl; then
        curl -fsSL -o "$2" "$1"
    elif has wget; then
        wget -q -O "$2" "$1"
    else
        fail 'neither curl nor wget was found' 'install one of them'
    fi
}

# The SHA-256 of file $1.
digest_of() {
    if has sha256sum; then
        sha256sum <"$1"
    elif has shasum; then
        shasum -a 256 <"$1"
    elif has openssl; then
        openssl dgst -sha256 -r <"$1"
    else
        fail 'none of sha256sum, shasum and openssl was found, so that the download cannot be checked' 'install one of them'
    fi
}

install_programs() {
    mkdir -p "$folder" || fail "the folder $folder cannot be made" 'name another in RUNT_INSTALL_DIR'
    # Beside the place where the programs go, so that they are moved there in one step.
    work=$(mktemp -d "$folder/.runt-install-XXXXXX") || fail "$folder cannot be written" 'name another in RUNT_INSTALL_DIR'
    trap 'rm -rf "$work"' EXIT
    trap 'exit 130' HUP INT TERM
    printf 'Downloading %s/downloads/%s\n' "$cloud" "$file"
    fetch "$cloud/downloads/$file" "$work/$file" || fail "$cloud/downloads/$file could not be downloaded" 'try again'
    found=$(digest_of "$work/$file")
    found=${found%% *}
    [ "$found" = "$sum" ] || fail "the download is not what $cloud announced: its SHA-256 is $found and not $sum" 'try again'
    tar -xzf "$work/$file" -C "$work" || fail "the archive $file could not be unpacked" 'install tar and gzip'
    new=$work/${file%.tar.gz}
    for program in runtimed runt; do
        [ ! -d "$folder/$program" ] || fail "$folder/$program is a folder" 'name another folder in RUNT_INSTALL_DIR'
        chmod 755 "$new/$program"
        "$new/$program" --version >/dev/null || fail "$program does not start on this system" 'build it on this machine from the source'
    done
    for program in runtimed runt; do
        mv -f "$new/$program" "$folder/$program"
    done
    printf 'Installed %s in %s\n' "$("$folder/runt" --version)" "$folder"
}

# Pairs this machine; the script itself may be the standard input, so that questions go to the terminal.
connect() {
    if (: </dev/tty) 2>/dev/null; then
        "$folder/runt" workstation connect "$cloud" "$@" </dev/tty
    else
        "$folder/runt" workstation connect "$cloud" "$@" </dev/null
    fi
}

# Says what to do when the shell finds no runt, or another one.
path_hint() {
    first=$(command -v runt 2>/dev/null) || first=''
    [ "$first" != "$folder/runt" ] || return 0
    if [ -n "$first" ]; then
        printf 'Hint: your shell finds another runt first, %s; remove that one, or put %s before it on your PATH\n' "$first" "$folder" >&2
    else
        # shellcheck disable=SC2016 # for the person to type
        printf 'Hint: %s is not on your PATH; add it with\n    export PATH="%s:$PATH"\n  and put that line into ~/.profile\n' "$folder" "$folder" >&2
    fi
}

main() {
    if [ -n "${RUNT_INSTALL_DIR:-}" ]; then
        folder=$RUNT_INSTALL_DIR
    else
        [ -n "${HOME:-}" ] || fail 'HOME is not set' 'set HOME, or name a folder in RUNT_INSTALL_DIR'
        folder=$HOME/.local/bin
    fi
    case $folder in
        /*) ;;
        *) folder=$PWD/$folder ;;
    esac
    choose
    install_programs
    status=0
    if [ "${1:-}" = connect ]; then
        shift
        connect "$@" || status=$?
    elif [ $# -gt 0 ]; then
        connect "$@" || status=$?
    fi
    path_hint
    exit $status
}

# A script that arrives in part does nothing: all that it does is between these braces.
{ main "$@"; }
