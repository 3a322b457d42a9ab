# To be sourced: packages from Debian. The script that sources it has its own `say TEXT` and `stop TEXT CODE`.

# apt_install PACKAGE...: installs them, as root or by sudo; says what to install, and stops with 3, where it cannot.
apt_install() {
    local as_root=()
    [ "$#" -gt 0 ] || return 0
    command -v apt-get >/dev/null 2>&1 || stop "please install: $* (Debian's names; there is no apt-get here to do it with)" 3
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null 2>&1 || stop "please install as root: apt-get install $*" 3
        as_root=(sudo)
    fi
    say "installing $*"
    ${as_root[@]+"${as_root[@]}"} apt-get update -qq
    ${as_root[@]+"${as_root[@]}"} env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}
