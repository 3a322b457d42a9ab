//! `cargo run -p beatcheck-bindgen -- generate target/debug/libbeatcheck.so --language python --out-dir DIR --no-format`

fn main() {
    uniffi::uniffi_bindgen_main();
}
