# Sourced by script/test-arm64 and script/check-phones: a compiler and a standard library for targets that are not this machine.
# It stops at toolchains: what is built, and what that shows, is said by the scripts.
#
# Where rustup has the target (`rustup target add TARGET`), its compiler is used and nothing of this is needed. Where it has
# not and cannot get it, Debian ships a compiler whose standard library exists as packages: they conflict with an installed
# rustc, so they are downloaded and unpacked into the cache, never installed. Compiler, library and source must be of one
# version: all are asked of the same package list.
#
# Callers set `name` (for messages) first. Sets: cache, compiler, and what the functions say.

cache="${BEATCHECK_CACHE:-${XDG_CACHE_HOME:-${HOME:?HOME is not set}/.cache}/beatcheck}"
phones="$cache/phones"
compiler="$phones/rust"

say() { printf '%s: %s\n' "$name" "$*"; }
stop() { printf '%s: %s\n' "$name" "$1" >&2; exit "${2:-1}"; }
. script/apt.sh

# has_target TARGET: the usual compiler has that target's standard library.
has_target() {
    local dir
    dir=$(rustc --print target-libdir --target "$1" 2>/dev/null) && compgen -G "$dir/libstd-*.rlib" >/dev/null
}

# install COMMAND PACKAGE [COMMAND PACKAGE]...: from Debian, what is not there.
install() {
    local missing=()
    while [ "$#" -gt 0 ]; do
        command -v "$1" >/dev/null 2>&1 || [ -e "$1" ] || missing+=("$2")
        shift 2
    done
    apt_install ${missing[@]+"${missing[@]}"}
}

# apt-get and apt-cache with lists and a cache of their own, that know arm64 too: the machine's own are not touched.
private_apt() {
    local dir="$phones/apt" tool=$1
    shift
    if [ ! -e "$dir/updated" ] || [ -n "$(find "$dir/updated" -mmin +1440)" ]; then
        command -v apt-get >/dev/null 2>&1 || stop 'Debian'"'"'s apt-get is needed to fetch a compiler for that target' 3
        mkdir -p "$dir/lists/partial" "$dir/cache/archives/partial"
        cp /var/lib/dpkg/status "$dir/status"
        cat >"$dir/apt.conf" <<CONF
Dir::State "$dir";
Dir::State::status "$dir/status";
Dir::State::lists "$dir/lists";
Dir::Cache "$dir/cache";
APT::Architecture "amd64";
APT::Architectures { "amd64"; "arm64"; };
APT::Sandbox::User "root";
CONF
        APT_CONFIG="$dir/apt.conf" apt-get update -qq >&2 || stop 'the list of packages could not be fetched' 3
        touch "$dir/updated"
    fi
    APT_CONFIG="$dir/apt.conf" "$tool" "$@"
}

# unpack DIR PACKAGE...: downloads packages and unpacks them into DIR, once; the names are remembered in DIR/.unpacked.
unpack() {
    local dir=$1 package work
    shift
    mkdir -p "$dir"
    touch "$dir/.unpacked"
    for package in "$@"; do
        grep -qxF "$package" "$dir/.unpacked" && continue
        say "fetching $package"
        work=$(mktemp -d "$phones/fetch.XXXXXX")
        (cd "$work" && private_apt apt-get download -qq "$package" >&2) || { rm -rf "$work"; stop "$package could not be fetched" 3; }
        dpkg -x "$work"/*.deb "$dir"
        rm -rf "$work"
        printf '%s\n' "$package" >>"$dir/.unpacked"
    done
}

# Debian's compiler, in $compiler. A newer one in Debian replaces it whole: a mixture would not start.
debian_rust() {
    local version libstd
    [ "$(dpkg --print-architecture 2>/dev/null)" = amd64 ] || stop 'needs an amd64 Debian, or rustup with the target' 3
    mkdir -p "$phones"
    version=$(private_apt apt-cache show --no-all-versions rustc-web | sed -n 's/^Version: //p')
    [ -n "$version" ] || stop 'this Debian has no rustc-web' 3
    if [ "$(cat "$compiler/.version" 2>/dev/null)" != "$version" ]; then
        rm -rf "$compiler"
        mkdir -p "$compiler"
        printf '%s\n' "$version" >"$compiler/.version"
    fi
    libstd=$(private_apt apt-cache depends libstd-rust-web-dev | sed -n 's/^ *Depends: \(libstd-rust-web-[0-9.]*\)$/\1/p')
    unpack "$compiler" "rustc-web=$version" "$libstd=$version" "libstd-rust-web-dev=$version"
    # Its code generator is an ordinary library, which conflicts with nothing.
    local llvm
    llvm=$(private_apt apt-cache depends "$libstd" | sed -n 's/^ *Depends: \(libllvm[0-9]*\)$/\1/p')
    install "/usr/lib/x86_64-linux-gnu/${llvm/libllvm/libLLVM.so.}.1" "$llvm"
    rust_version=$version
    # rustc finds its sysroot from where it lies; its own libraries it does not.
    cat >"$compiler/rustc" <<RUSTC
#!/bin/sh
LD_LIBRARY_PATH="$compiler/usr/lib/x86_64-linux-gnu\${LD_LIBRARY_PATH:+:\$LD_LIBRARY_PATH}" exec "$compiler/usr/bin/rustc" "\$@"
RUSTC
    chmod +x "$compiler/rustc"
    "$compiler/rustc" --version >/dev/null || stop "Debian's compiler does not start"
}

# totals FILE: sums the `test result:` lines of a run, and counts what was ignored.
totals() {
    awk '/^test result: / { for (i = 1; i < NF; i++) { if ($(i+1) == "passed;") p += $i; if ($(i+1) == "failed;") f += $i; if ($(i+1) == "ignored;") g += $i } }
        END { printf "%d passed, %d failed, %d ignored\n", p, f, g }' "$1"
}
