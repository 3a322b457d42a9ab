# Sourced by script/check-phones after lib.sh: compilers for Android and iOS without an NDK or Xcode, and the two builds.
#
# It stops at a library file for each target. C is compiled by Debian's clang against headers that the `ziglang` wheel carries (musl's
# for Android's bionic, Darwin's for iOS) and the stand-ins beside this file; the Rust library is compiled from Debian's source of it.

ziglang_version=0.17.1
headers_version="$ziglang_version arm64 arm x86_64"
android_api=26
ios_version=16.0
here=$PWD/script/phones.d/standins
llvm=19

# The headers of the wheel, unpacked once: $phones/zig/lib.
zig_headers() {
    [ "$(cat "$phones/zig/.version" 2>/dev/null)" = "$headers_version" ] && return 0
    install python3 python3
    python3 -m pip --version >/dev/null 2>&1 || install /nonexistent-pip python3-pip
    say "fetching headers (the ziglang $ziglang_version wheel, 97 MB)"
    local work
    rm -rf "$phones/zig"
    work=$(mktemp -d "$phones/fetch.XXXXXX")
    python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --dest "$work" "ziglang==$ziglang_version" ||
        { rm -rf "$work"; stop 'the ziglang wheel could not be fetched from PyPI' 3; }
    python3 - "$work" "$phones/zig" <<'PYTHON'
import glob, os, sys, zipfile
source, out = sys.argv[1:]
folders = ["any-linux-any", "generic-musl", "any-darwin-any", "aarch64-linux-any", "aarch64-linux-musl",
           "arm-linux-any", "arm-linux-musl", "x86-linux-any", "x86_64-linux-musl"]
wanted = tuple(f"libc/include/{folder}/" for folder in folders) + ("libunwind/",)
with zipfile.ZipFile(glob.glob(source + "/*.whl")[0]) as wheel:
    for entry in wheel.namelist():
        path = entry.removeprefix("ziglang/lib/")
        if path != entry and path.startswith(wanted) and not entry.endswith("/") and ".." not in entry:
            file = os.path.join(out, "lib", path)
            os.makedirs(os.path.dirname(file), exist_ok=True)
            with open(file, "wb") as f:
                f.write(wheel.read(entry))
PYTHON
    rm -rf "$work"
    printf '%s\n' "$headers_version" >"$phones/zig/.version"
}

# Everything that both builds need.
tools() {
    install clang-$llvm clang-$llvm ld.lld-$llvm lld-$llvm llvm-readelf-$llvm llvm-$llvm cc build-essential make make perl perl
    debian_rust
    unpack "$compiler" "rust-web-src=$rust_version"
    zig_headers
    export RUSTC="$compiler/rustc" RUSTC_BOOTSTRAP=1 BEATCHECK_CHECKOUT="$PWD"
    # Commands are found by their bare names: OpenSSL writes its compiler's name and flags into the library.
    mkdir -p "$phones/bin"
    export PATH="$phones/bin:$PATH"
}

# compiler_named NAME FLAG...: a command in $phones/bin that is clang with these flags.
compiler_named() {
    local file=$1
    shift
    cat >"$phones/bin/$file.new" <<WRAPPER
#!/bin/sh
# Made by script/check-phones.
exec "$PWD/script/phones.d/cc-clean" clang-$llvm $* -nostdlibinc -Wno-unused-command-line-argument "\$@"
WRAPPER
    chmod +x "$phones/bin/$file.new"
    if cmp -s "$phones/bin/$file.new" "$phones/bin/$file"; then rm "$phones/bin/$file.new"; else mv "$phones/bin/$file.new" "$phones/bin/$file"; fi
}

# rust_flags: paths of this machine are cut out of panics' texts. One line, as cargo's variables want them.
rust_flags() {
    printf -- '--remap-path-prefix=%s=/rust --remap-path-prefix=%s=/beatcheck' "$compiler/usr/src/rustc-${rust_version%%+*}" "$PWD"
    local registry
    for registry in "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*; do printf -- ' --remap-path-prefix=%s=/crates' "$registry"; done
    printf -- ' --remap-path-prefix=%s=/build' "$phones"
}

build() {
    local target=$1 kind=$2
    shift 2
    say "compiling the shipped library for $target, release"
    CARGO_TARGET_DIR="$phones/target-phones" CARGO_PROFILE_RELEASE_DEBUG=none \
        cargo rustc --locked --release --package beatcheck --lib --crate-type "$kind" --target "$target" \
        -Zbuild-std=std,panic_abort "${jobs[@]}" "$@" || stop "it does not compile for $target"
}

# android ABI TARGET NDK_NAME KERNEL_HEADERS C_HEADERS: a stripped libbeatcheck.so in $phones/out/android/ABI.
android() {
    local abi=$1 target=$2 triple=$3 kernel=$4 headers=$5
    local out="$phones/out/android/$abi" sysroot="$phones/android/$abi" item part
    local cc=$triple$android_api-clang lower=${target//-/_}
    if [ "$(cat "$sysroot/.version" 2>/dev/null)" != "$headers_version" ]; then
        rm -rf "$sysroot"
        mkdir -p "$sysroot/include"
        # The C library's folder first and the processor's after it, whose files are the ones meant.
        for part in any-linux-any "$kernel" generic-musl "$headers"; do
            cp -r "$phones/zig/lib/libc/include/$part/." "$sysroot/include/"
        done
        printf '%s\n' "$headers_version" >"$sysroot/.version"
    fi
    compiler_named "$cc" "--target=$triple$android_api" -isystem "$here" -isystem "$sysroot/include" \
        "--ld-path=$(command -v ld.lld-$llvm)" -nostdlib "-L$sysroot/lib"

    # Libraries with the names that Android's linker knows, and nothing in them: what is taken from them stays open, as it does with
    # the real ones. The unwinder is real: an NDK links it in from an archive too.
    if [ ! -e "$sysroot/lib/libunwind.a" ]; then
        mkdir -p "$sysroot/lib"
        for item in c m dl log; do
            "$cc" -shared -o "$sysroot/lib/lib$item.so" -Wl,-soname,lib$item.so -x c /dev/null
        done
        "$cc" -c -fPIC -o "$sysroot/lib/crtbegin_so.o" "$here/android/crtbegin_so.c"
        local unwind="$phones/zig/lib/libunwind"
        local flags=(-c -fPIC -O2 -fno-exceptions -funwind-tables -DNDEBUG -D_LIBUNWIND_IS_NATIVE_ONLY -fvisibility=hidden "-I$unwind/include")
        (
            cd "$sysroot/lib"
            for item in libunwind Unwind-EHABI; do
                "$cc" "${flags[@]}" -std=c++17 -fno-rtti -nostdinc++ "$unwind/src/$item.cpp"
            done
            for item in UnwindLevel1.c UnwindLevel1-gcc-ext.c UnwindRegistersSave.S UnwindRegistersRestore.S; do
                "$cc" "${flags[@]}" "$unwind/src/$item"
            done
            llvm-ar-$llvm rcs libunwind.new ./*nwind*.o
            mv libunwind.new libunwind.a
        ) || stop 'the unwinder does not compile'
    fi

    # Which part of the library weighs what. It lies with cargo's files: a library that is still fresh is not linked again.
    local map="$phones/target-phones/$target/release/libbeatcheck.map"
    mkdir -p "$out" "${map%/*}"
    # OpenSSL asks for it on 32-bit ARM, where an NDK has it as an archive; what would be taken from it is seen by android_judged.
    [ -e "$sysroot/lib/libatomic.a" ] || llvm-ar-$llvm rcs "$sysroot/lib/libatomic.a"
    export "CC_$lower=$cc" "AR_$lower=llvm-ar-$llvm" "RANLIB_$lower=llvm-ranlib-$llvm"
    export "CARGO_TARGET_${lower^^}_LINKER=$cc" "CARGO_TARGET_${lower^^}_AR=llvm-ar-$llvm"
    export "CARGO_TARGET_${lower^^}_RUSTFLAGS=$(rust_flags) -Clink-arg=$sysroot/lib/crtbegin_so.o -Clink-arg=-Wl,-Map=$map"
    build "$target" cdylib
    llvm-strip-$llvm --strip-unneeded -o "$out/libbeatcheck.so" "$phones/target-phones/$target/release/libbeatcheck.so"
    cp "$map" "$out/libbeatcheck.map"
    android_judged "$out/libbeatcheck.so"
}

# What the Android library takes from the system, against the list of what was looked up; and its pages. A new name is looked up
# in bionic's libc.map.txt first (in which version of Android it came), then added.
android_judged() {
    local library=$1 list=script/phones.d/android-symbols.txt new small standins
    llvm-nm-$llvm --dynamic --undefined-only --format=just-symbols "$library" | sed 's/@.*//' | sort -u >"$library.takes"
    new=$(sed '/^#/d; s/ .*//' "$list" | sort -u | comm -23 "$library.takes" -)
    [ -z "$new" ] || stop "needs of Android what $list does not have: $(printf '%s' "$new" | tr '\n' ' ')"
    new=$(llvm-nm-$llvm --dynamic --undefined-only "$library" | awk -v api=$android_api '
        NR == FNR { if ($2 ~ /^[0-9]+$/) since[$1] = $2; next }
        { name = $2; sub(/@.*/, "", name) } $1 != "w" && since[name] > api + 0 { print name }' "$list" -)
    [ -z "$new" ] || stop "needs what Android has only after API $android_api: $(printf '%s' "$new" | tr '\n' ' ')"
    small=$(llvm-readelf-$llvm --program-headers --wide "$library" | awk '$1 == "LOAD" { count++; if ($NF != "0x4000") print $NF } END { if (!count) print "nothing is loaded" }')
    [ -z "$small" ] || stop "$library: a segment is not aligned to 16 KiB: $small"
    standins=$(sed -n 's/ standin$//p' "$list" | sort -u | comm -12 "$library.takes" - | wc -l)
    said="linked, 16 KiB pages, takes $(wc -l <"$library.takes") names of the system, $standins of which only the stand-ins have"
}

# ios SLICE TARGET CLANG_TARGET: a static libbeatcheck.a in $phones/out/ios/SLICE.
ios() {
    local slice=$1 target=$2 triple=$3
    local out="$phones/out/ios/$slice" sdk="$phones/ios" lower=${target//-/_}
    mkdir -p "$sdk"
    compiler_named "$target-clang" "--target=$triple" -isystem "$here" -isystem "$phones/zig/lib/libc/include/any-darwin-any"

    # CommonCrypto, as on a Mac: libsqlite3-sys chooses it by itself only where the build machine is Apple's too.
    export LIBSQLITE3_FLAGS=-DSQLCIPHER_CRYPTO_CC
    export "CC_$lower=$target-clang" "AR_$lower=llvm-ar-$llvm" "RANLIB_$lower=llvm-ranlib-$llvm"
    export SDKROOT=$sdk IPHONEOS_DEPLOYMENT_TARGET=$ios_version
    export "CARGO_TARGET_${lower^^}_RUSTFLAGS=$(rust_flags)"
    build "$target" staticlib

    mkdir -p "$out"
    llvm-strip-$llvm --strip-debug -o "$out/libbeatcheck.a" "$phones/target-phones/$target/release/libbeatcheck.a"
    # Some objects carry the compiler's own form of themselves too, which a linker's tools of another version cannot read.
    llvm-nm-$llvm --no-llvm-bc --undefined-only --format=just-symbols "$out/libbeatcheck.a" >"$out/takes" || stop 'its symbols cannot be read'
    grep -qx _CCHmacInit "$out/takes" || stop 'SQLCipher does not call CommonCrypto'
    ! grep -qE '^_(EVP_|OPENSSL_)' "$out/takes" || stop 'something calls OpenSSL'
    said="$(llvm-ar-$llvm t "$out/libbeatcheck.a" | wc -l) objects, not linked; SQLCipher calls CommonCrypto, nothing OpenSSL"
}
