# What every script that compiles Kotlin needs first: a JDK and Maven, the library with its command and generator, and the binding. To be
# sourced, at the root of the checkout. Compiling is the script's own matter.

me="$(basename "$0")"
say() { printf '%s: %s\n' "$me" "$*" >&2; }
stop() { say "$1"; exit "${2:-1}"; }
target="$(realpath -m "${CARGO_TARGET_DIR:-target}")"
. script/apt.sh

# Installs a JDK (17 or newer) and Maven where they are missing.
install_tools() {
    local missing=() version
    version="$(javac -version 2>&1 | sed -n 's/^javac \([0-9]*\).*/\1/p' || true)"
    [ "${version:-0}" -ge 17 ] || missing+=(openjdk-17-jdk-headless)
    command -v mvn >/dev/null 2>&1 || missing+=(maven)
    apt_install ${missing[@]+"${missing[@]}"}
}

# Sets `artifacts`: the folder with library, command and generator. Built here ($1: debug or release) unless BEATCHECK_ARTIFACTS has them.
find_artifacts() {
    local file
    if [ -n "${BEATCHECK_ARTIFACTS:-}" ]; then
        artifacts="$(realpath "$BEATCHECK_ARTIFACTS")"
    else
        say "building the library, the command and the generator ($1)"
        # The whole workspace: another choice of packages is another choice of features, and would compile what the tests compiled.
        cargo build --quiet --workspace $([ "$1" = debug ] || echo "--$1")
        artifacts="$target/$1"
    fi
    for file in libbeatcheck.so beatcheck beatcheck-bindgen; do
        [ -e "$artifacts/$file" ] || stop "$artifacts holds no $file"
    done
}

# Writes the binding to $1, from nothing. The generator reads uniffi.toml of the library's crate, and says nothing of a key it does not know.
make_binding() {
    local generated="$1/org/beatcheck/ffi/beatcheck.kt"
    rm -rf "$1"
    "$artifacts/beatcheck-bindgen" generate "$artifacts/libbeatcheck.so" --language kotlin --out-dir "$1" --no-format
    grep -qs '^package org\.beatcheck\.ffi$' "$generated" || stop 'the binding is not in the package that uniffi.toml names'
    ! grep -q '^    var `' "$generated" || stop 'the records can be changed, and uniffi.toml says they cannot'
}

# Compiles core with its tests and tools, apart from what script/test-kotlin has, and sets `run`: a command that starts a main class.
make_tools() {
    local tools="$target/kotlin-tools"
    install_tools
    find_artifacts release
    make_binding "$tools/bindings"
    rm -rf "$tools/build"
    say 'compiling (the first run fetches the compiler)'
    mvn --quiet -Dstyle.color=never --file android/pom.xml --projects core -Dbeatcheck.build="$tools/build" -Dbeatcheck.bindings="$tools/bindings" \
        -Dmdep.outputFile="$tools/classpath" -Dmdep.includeScope=test test-compile dependency:build-classpath >&2
    local classes="$tools/build/beatcheck-core"
    # Serial, and a heap that is all there from the beginning: what then grows is no heap of Java's.
    run=(java -XX:+UseSerialGC -Xms192m -Xmx192m -XX:+AlwaysPreTouch "-Djna.library.path=$artifacts" "-Dbeatcheck.command=$artifacts/beatcheck"
        -cp "$classes/test-classes:$classes/classes:$(cat "$tools/classpath")")
}
