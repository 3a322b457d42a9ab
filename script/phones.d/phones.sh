# Sourced by script/check-phones after lib.sh: compilers for Android and iOS without an NDK or Xcode, and the two builds.
#
# It stops at a library file for each target. C is compiled by Debian's clang against headers that the `ziglang` wheel carries (musl's
# for Android's bionic, Darwin's for iOS) and the stand-ins beside this file; the Rust library is compiled from Debian's source of it.

ziglang_version=0.17.1
android_api=26
ios_version=16.0
here=$PWD/script/phones.d/standins
llvm=19

# The headers of the wheel, unpacked once: $phones/zig/lib.
zig_headers() {
    [ "$(cat "$phones/zig/.version" 2>/dev/null)" = "$ziglang_version" ] && return 0
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
wanted = ("libc/include/any-linux-any/", "libc/include/aarch64-linux-any/", "libc/include/generic-musl/",
          "libc/include/aarch64-linux-musl/", "libc/include/any-darwin-any/", "libunwind/")
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
    printf '%s\n' "$ziglang_version" >"$phones/zig/.version"
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

android() {
    local target=aarch64-linux-android out="$phones/out/android/arm64-v8a" sysroot="$phones/android" began=$SECONDS item part
    if [ "$(cat "$sysroot/.version" 2>/dev/null)" != "$ziglang_version" ]; then
        rm -rf "$sysroot"
        mkdir -p "$sysroot/include"
        for part in any-linux-any aarch64-linux-any generic-musl aarch64-linux-musl; do
            cp -r "$phones/zig/lib/libc/include/$part/." "$sysroot/include/"
        done
        printf '%s\n' "$ziglang_version" >"$sysroot/.version"
    fi
    local cc=aarch64-linux-android$android_api-clang
    compiler_named "$cc" --target=aarch64-linux-android$android_api -isystem "$here" -isystem "$sysroot/include" \
        --ld-path="$(command -v ld.lld-$llvm)" -nostdlib -L"$sysroot/lib"

    # Libraries with the names that Android's linker knows, and nothing in them: what is taken from them stays open, as it does with
    # the real ones. The unwinder is real: an NDK links it in from an archive too.
    if [ ! -e "$sysroot/lib/libunwind.a" ]; then
        mkdir -p "$sysroot/lib"
        for item in c m dl log; do
            "$cc" -shared -o "$sysroot/lib/lib$item.so" -Wl,-soname,lib$item.so -x c /dev/null
        done
        "$cc" -c -fPIC -o "$sysroot/lib/crtbegin_so.o" "$here/android/crtbegin_so.c"
        local unwind="$phones/zig/lib/libunwind" flags="-c -fPIC -O2 -fno-exceptions -funwind-tables -D_LIBUNWIND_IS_NATIVE_ONLY -fvisibility=hidden"
        (
            cd "$sysroot/lib"
            "$cc" $flags -std=c++17 -fno-rtti -nostdinc++ -I"$unwind/include" "$unwind/src/libunwind.cpp"
            for item in UnwindLevel1.c UnwindLevel1-gcc-ext.c; do "$cc" $flags -I"$unwind/include" "$unwind/src/$item"; done
            for item in UnwindRegistersSave.S UnwindRegistersRestore.S; do "$cc" $flags -I"$unwind/include" "$unwind/src/$item"; done
            llvm-ar-$llvm rcs libunwind.a libunwind.o UnwindLevel1.o UnwindLevel1-gcc-ext.o UnwindRegistersSave.o UnwindRegistersRestore.o
        ) || stop 'the unwinder does not compile'
    fi

    mkdir -p "$out"
    export CC_aarch64_linux_android=$cc AR_aarch64_linux_android=llvm-ar-$llvm RANLIB_aarch64_linux_android=llvm-ranlib-$llvm
    export CARGO_TARGET_AARCH64_LINUX_ANDROID_LINKER=$cc CARGO_TARGET_AARCH64_LINUX_ANDROID_AR=llvm-ar-$llvm
    CARGO_TARGET_AARCH64_LINUX_ANDROID_RUSTFLAGS="$(rust_flags) -Clink-arg=$sysroot/lib/crtbegin_so.o -Clink-arg=-Wl,-Map=$out/libbeatcheck.map" build "$target" cdylib

    llvm-strip-$llvm --strip-unneeded -o "$out/libbeatcheck.so" "$phones/target-phones/$target/release/libbeatcheck.so"
    say "built in $((SECONDS - began)) s: $out/libbeatcheck.so"
}

ios() {
    local target=aarch64-apple-ios out="$phones/out/ios/ios-arm64" sdk="$phones/ios" began=$SECONDS
    mkdir -p "$sdk"
    compiler_named arm64-apple-ios-clang --target=arm64-apple-ios$ios_version -isystem "$here" -isystem "$phones/zig/lib/libc/include/any-darwin-any"

    # CommonCrypto, as on a Mac: libsqlite3-sys chooses it by itself only where the build machine is Apple's too.
    export LIBSQLITE3_FLAGS=-DSQLCIPHER_CRYPTO_CC
    export CC_aarch64_apple_ios=arm64-apple-ios-clang AR_aarch64_apple_ios=llvm-ar-$llvm RANLIB_aarch64_apple_ios=llvm-ranlib-$llvm
    export SDKROOT=$sdk IPHONEOS_DEPLOYMENT_TARGET=$ios_version
    CARGO_TARGET_AARCH64_APPLE_IOS_RUSTFLAGS="$(rust_flags)" build "$target" staticlib

    mkdir -p "$out"
    llvm-strip-$llvm --strip-debug -o "$out/libbeatcheck.a" "$phones/target-phones/$target/release/libbeatcheck.a"
    unset LIBSQLITE3_FLAGS SDKROOT IPHONEOS_DEPLOYMENT_TARGET
    say "built in $((SECONDS - began)) s: $out/libbeatcheck.a"
}
