//! Holds the reference against the code that UniFFI generates: each declaration that the reference shows must be in it.
//!
//! So the reference cannot promise a signature that the compiler of an app does not find.

use crate::language::Language;
use crate::surface::{Call, CallKind, Surface, What};
use std::path::Path;

/// Code that UniFFI generated, with blanks, comments and qualifications taken away.
pub(crate) struct Generated {
    pub(crate) language: Language,
    /// Kotlin's package, or none.
    pub(crate) package: Option<String>,
    code: String,
}

impl Generated {
    /// Generates from the library. Runs `cargo metadata` in the working directory, to find `uniffi.toml`.
    pub(crate) fn by_uniffi(library: &str, language: Language) -> Result<Self, String> {
        let out = tempfile::tempdir().map_err(|e| format!("no place for generated code: {e}"))?;
        let (target, extension) = match language {
            Language::Kotlin => (uniffi::TargetLanguage::Kotlin, "kt"),
            Language::Swift => (uniffi::TargetLanguage::Swift, "swift"),
        };
        let options = uniffi::GenerateOptions {
            languages: vec![target],
            source: library.into(),
            out_dir: out.path().to_str().ok_or("the temporary directory's name is not UTF-8")?.into(),
            metadata_no_deps: true,
            ..Default::default()
        };
        uniffi::generate(options).map_err(|e| format!("generating {language:?}: {e:#}"))?;
        let file = find(out.path(), extension)?.ok_or_else(|| format!("UniFFI generated no {language:?}"))?;
        Ok(Self::of(language, &crate::source::read(&file)?))
    }

    /// From code.
    pub(crate) fn of(language: Language, code: &str) -> Self {
        let package = code.lines().find_map(|line| line.strip_prefix("package ")).map(|p| p.trim().to_owned());
        let mut code = tight(code).replace("kotlin.", "");
        if let Some(package) = package.as_ref().filter(|_| language == Language::Kotlin) {
            code = code.replace(&format!("{package}."), "");
        }
        // A record's fields are `val` or `var` as `uniffi.toml` says; the reference says neither.
        Self { language, package, code: code.replace("val ", "var ") }
    }

    /// What the reference would say and this code does not, as lines to put right.
    pub(crate) fn lacks(&self, surface: &Surface) -> Result<Vec<String>, String> {
        let mut lacking = Vec::new();
        for (name, item) in &surface.items {
            let mut declarations = match &item.what {
                What::Function(call) => vec![self.call(surface, call)?],
                What::Object | What::Trait => Vec::new(),
                _ => self.type_declarations(surface, name)?,
            };
            for call in item.calls.values() {
                declarations.push(self.call(surface, call)?);
                if call.kind == CallKind::Method {
                    declarations.push(self.language.call(surface, call, self.language == Language::Kotlin)?);
                }
            }
            for declaration in declarations {
                let wanted = tight(&declaration).replace("val ", "var ");
                if !has(&self.code, &wanted) {
                    lacking.push(format!("{name}: the generated {:?} has no `{wanted}`", self.language));
                }
            }
        }
        Ok(lacking)
    }

    /// A call with what stands before it where it is defined.
    fn call(&self, surface: &Surface, call: &Call) -> Result<String, String> {
        let method = call.kind == CallKind::Method;
        let declared = self.language.call(surface, call, !method || self.language == Language::Swift)?;
        let before = match (self.language, call.kind) {
            (Language::Kotlin, CallKind::Method) => "override ",
            (Language::Kotlin, _) => "",
            (Language::Swift, CallKind::Method) => "open ",
            (Language::Swift, CallKind::Constructor) => "public static ",
            (Language::Swift, CallKind::Function) => "public ",
        };
        let throws = self.language.throws(surface, call).unwrap_or_default();
        let after = match (self.language, &call.output) {
            (Language::Kotlin, None) => " =",
            _ => " {",
        };
        Ok(format!("{throws} {before}{declared}{after}"))
    }

    fn type_declarations(&self, surface: &Surface, name: &str) -> Result<Vec<String>, String> {
        let item = &surface.items[name];
        let shown = self.language.type_name(surface, name);
        let kotlin = self.language == Language::Kotlin;
        let joined = |fields: &[crate::surface::Field], before: &str| -> Result<String, String> {
            let fields = self.language.fields(surface, fields, true)?;
            Ok(fields.iter().map(|f| format!("{before}{f}")).collect::<Vec<_>>().join(","))
        };
        Ok(match &item.what {
            What::Alias(ty) => vec![format!("typealias {shown} = {}", self.language.ty(surface, ty))],
            What::Record(fields) if kotlin => vec![format!("data class {shown}({})", joined(fields, "var ")?)],
            What::Record(fields) => vec![format!("struct {shown}"), format!("public init({})", joined(fields, "")?)],
            What::Enum(variants) => {
                let error = surface.thrown.contains(name);
                let flat = variants.iter().all(|v| v.fields.is_empty());
                let spelt: Vec<_> = variants.iter().map(|v| self.language.variant(error, flat, &v.name)).collect();
                if flat && !error {
                    return Ok(vec![match self.language {
                        Language::Kotlin => format!("enum class {shown} {{ {};", spelt.join(",")),
                        Language::Swift => format!("{{ case {}", spelt.join(" case ")),
                    }]);
                }
                let mut all = Vec::new();
                for (variant, spelt) in variants.iter().zip(spelt) {
                    all.push(match (kotlin, variant.fields.is_empty()) {
                        (true, true) if !error => format!("object {spelt} : {shown}()"),
                        (true, _) => format!("class {spelt}({}) : {shown}()", joined(&variant.fields, "var ")?),
                        (false, true) => format!("case {spelt}"),
                        (false, false) => format!("case {spelt}({})", joined(&variant.fields, "")?),
                    });
                }
                all
            }
            What::Function(_) | What::Object | What::Trait => Vec::new(),
        })
    }
}

fn find(dir: &Path, extension: &str) -> Result<Option<std::path::PathBuf>, String> {
    for entry in std::fs::read_dir(dir).map_err(|e| e.to_string())? {
        let path = entry.map_err(|e| e.to_string())?.path();
        if path.is_dir() {
            if let Some(found) = find(&path, extension)? {
                return Ok(Some(found));
            }
        } else if path.extension().is_some_and(|e| e == extension) {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

/// Code without comments and backticks, and with blanks only between words.
fn tight(code: &str) -> String {
    let mut bare = String::with_capacity(code.len());
    let mut rest = code;
    while let Some(start) = rest.find("/*") {
        bare.push_str(&rest[..start]);
        bare.push(' ');
        rest = rest[start..].find("*/").map_or("", |end| &rest[start + end + 2..]);
    }
    bare.push_str(rest);
    let lines = bare.lines().map(|line| if line.trim_start().starts_with("//") { "" } else { line });
    let words = lines.flat_map(str::split_whitespace).collect::<Vec<_>>().join(" ").replace('`', "");
    let mut out = String::with_capacity(words.len());
    let mut chars = words.chars().peekable();
    while let Some(c) = chars.next() {
        let between = out.chars().next_back().is_some_and(is_word) && chars.peek().copied().is_some_and(is_word);
        if c != ' ' || between {
            out.push(c);
        }
    }
    out
}

/// Whether it is there, and not as a part of longer words.
fn has(code: &str, wanted: &str) -> bool {
    let word = |c: Option<char>| c.is_some_and(is_word);
    code.match_indices(wanted).any(|(at, _)| {
        let begins = word(wanted.chars().next()) && word(code[..at].chars().next_back());
        let goes_on = word(wanted.chars().next_back()) && word(code[at + wanted.len()..].chars().next());
        !begins && !goes_on
    })
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}
