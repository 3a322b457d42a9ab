//! Every stable code that an app can meet: which error brings it, and what is written about it.
//!
//! Which codes there are is read from the Rust source, from the functions that give them and from the one place that maps
//! them to `ApiError`. What an app does about each is written by hand in `codes.toml`. The two are compared with each other
//! and with the table of `docs/cli.md`, both ways: a code that nobody explains is an error, and so is an explanation of
//! a code that nobody gives.

use crate::source::{read, rust_files};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use syn::{Expr, ImplItem, Item, ItemImpl, Lit, Pat, Stmt, Type};

/// What was written by hand.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Explained {
    /// What a code means and what the app does.
    pub(crate) codes: BTreeMap<String, String>,
    /// Where a code arrives that no `fn code` of the source gives.
    pub(crate) elsewhere: BTreeMap<String, String>,
    /// Codes of `docs/cli.md` that only the command prints.
    pub(crate) command_only: BTreeSet<String>,
}

/// Codes and where each arrives, as paths of the surface: `ApiError::Locked`, `Answer::error`.
pub(crate) type Given = BTreeMap<String, BTreeSet<String>>;

/// A code, and the variant that gives it: `inner` where the variant's own content decides.
#[derive(Clone, Debug)]
struct Leaf {
    variant: String,
    inner: Option<String>,
    code: String,
}

/// Reads from a checkout which codes there are.
pub(crate) fn given(root: &Path) -> Result<Given, String> {
    let text = |path: &str| read(&root.join(path));
    of_sources(
        &text("core/client/src/error.rs")?,
        &text("core/sync/src/fault.rs")?,
        &text("core/policy/src/denied.rs")?,
        &text("bindings/src/error.rs")?,
    )
}

fn of_sources(client: &str, fault: &str, denied: &str, mapping: &str) -> Result<Given, String> {
    let faults = leaves(fault, "SyncFault", &[])?;
    let mut all = leaves(client, "ClientError", &faults)?;
    let mut given = Given::new();
    for leaf in &faults {
        given.entry(leaf.code.clone()).or_default().insert("Failure::code".into());
    }
    for leaf in leaves(denied, "Denied", &[])? {
        given.entry(leaf.code).or_default().insert("Answer::error".into());
    }
    let file = syn::parse_file(mapping).map_err(|e| format!("the mapping to ApiError: {e}"))?;
    let arms = arms_of(file.items, |i| trait_of(i) == Some("From") && self_type(i) == Some("ApiError"), "from")
        .ok_or("there is no `impl From<ClientError> for ApiError` that matches on the error")?;
    for arm in arms {
        let to = first_variant(&arm.body).ok_or("an arm of the mapping to ApiError names no variant of it")?;
        for (variant, inner) in patterns(&arm.pat)? {
            let takes = |leaf: &Leaf| {
                leaf.variant == variant && (inner.is_none() || leaf.inner.is_none() || leaf.inner == inner)
            };
            for leaf in all.iter().filter(|l| takes(l)) {
                given.entry(leaf.code.clone()).or_default().insert(format!("ApiError::{to}"));
            }
            // An arm for one content of a variant leaves a code that stands for several to the arms below it.
            all.retain(|leaf| !takes(leaf) || (inner.is_some() && leaf.inner.is_none()));
        }
    }
    match all.first() {
        None => Ok(given),
        Some(leaf) => Err(format!("no arm of the mapping to ApiError takes ClientError::{}", leaf.variant)),
    }
}

/// The codes that `fn code` of a type gives; a code that it asks its content for is one of `of_content`.
fn leaves(text: &str, of: &str, of_content: &[Leaf]) -> Result<Vec<Leaf>, String> {
    let file = syn::parse_file(text).map_err(|e| format!("{of}: {e}"))?;
    let arms = arms_of(file.items, |i| trait_of(i).is_none() && self_type(i) == Some(of), "code")
        .ok_or_else(|| format!("{of} has no `fn code` that matches on itself"))?;
    let mut leaves = Vec::new();
    for arm in arms {
        for (variant, inner) in patterns(&arm.pat)? {
            match &*arm.body {
                Expr::Lit(lit) => {
                    let Lit::Str(code) = &lit.lit else { return Err(format!("{of}::{variant}: its code is no text")) };
                    leaves.push(Leaf { variant, inner, code: code.value() });
                }
                Expr::MethodCall(call) if call.method == "code" && !of_content.is_empty() => {
                    leaves.extend(of_content.iter().map(|leaf| Leaf {
                        variant: variant.clone(),
                        inner: Some(leaf.variant.clone()),
                        code: leaf.code.clone(),
                    }));
                }
                _ => return Err(format!("{of}::{variant}: its code is neither a text nor its content's")),
            }
        }
    }
    Ok(leaves)
}

/// The arms of the `match` that a function of an `impl` ends with.
fn arms_of(items: Vec<Item>, wanted: impl Fn(&ItemImpl) -> bool, function: &str) -> Option<Vec<syn::Arm>> {
    let blocks = items.into_iter().filter_map(|item| match item {
        Item::Impl(block) if wanted(&block) => Some(block.items),
        _ => None,
    });
    let last = blocks.flatten().find_map(|item| match item {
        ImplItem::Fn(mut f) if f.sig.ident == function => f.block.stmts.pop(),
        _ => None,
    });
    match last {
        Some(Stmt::Expr(Expr::Match(m), _)) => Some(m.arms),
        _ => None,
    }
}

fn trait_of(block: &ItemImpl) -> Option<&'static str> {
    let (_, path, _) = block.trait_.as_ref()?;
    if path.segments.last().is_some_and(|s| s.ident == "From") { Some("From") } else { Some("another") }
}

fn self_type(block: &ItemImpl) -> Option<&'static str> {
    let Type::Path(path) = &*block.self_ty else { return None };
    let name = path.path.segments.last()?.ident.to_string();
    ["ApiError", "ClientError", "SyncFault", "Denied"].into_iter().find(|known| *known == name)
}

/// The variants that a pattern stands for, each with what it asks of the content.
fn patterns(pat: &Pat) -> Result<Vec<(String, Option<String>)>, String> {
    let name = |path: &syn::Path| path.segments.last().map(|s| s.ident.to_string()).unwrap_or_default();
    Ok(match pat {
        Pat::Or(or) => {
            let all: Result<Vec<_>, _> = or.cases.iter().map(patterns).collect();
            all?.concat()
        }
        Pat::Path(p) => vec![(name(&p.path), None)],
        Pat::Struct(p) => vec![(name(&p.path), None)],
        Pat::TupleStruct(p) => match p.elems.first() {
            Some(inner @ (Pat::Path(_) | Pat::Struct(_) | Pat::TupleStruct(_) | Pat::Or(_))) => {
                patterns(inner)?.into_iter().map(|(inner, _)| (name(&p.path), Some(inner))).collect()
            }
            _ => vec![(name(&p.path), None)],
        },
        _ => return Err("a pattern of a `match` on errors names no variant: name them all".into()),
    })
}

/// The first `Self::X` or `ApiError::X` of an arm's body.
fn first_variant(body: &Expr) -> Option<String> {
    match body {
        Expr::Struct(s) => s.path.segments.last().map(|s| s.ident.to_string()),
        Expr::Block(b) => b.block.stmts.iter().find_map(|stmt| match stmt {
            Stmt::Expr(e, _) => first_variant(e),
            _ => None,
        }),
        _ => None,
    }
}

/// The codes of the table below `## Error codes` in `docs/cli.md`.
pub(crate) fn of_cli(text: &str) -> BTreeSet<String> {
    let table = text.split("\n## Error codes").nth(1).unwrap_or_default().split("\n#").next().unwrap_or_default();
    let code = |line: &str| line.strip_prefix("| `")?.split('`').next().map(str::to_owned);
    table.lines().filter_map(code).collect()
}

/// What does not fit together, as lines to put right. `source` is whether a text stands in the device's source.
pub(crate) fn problems(
    given: &Given,
    explained: &Explained,
    cli: &BTreeSet<String>,
    source: impl Fn(&str) -> bool,
) -> Vec<String> {
    let mut problems = Vec::new();
    let mut say = |text: String| problems.push(text);
    for code in given.keys() {
        if !explained.codes.contains_key(code) {
            say(format!("code `{code}` is explained nowhere: say in bindings/generate/codes.toml what an app does"));
        }
        if !cli.contains(code) {
            say(format!("code `{code}` is missing in the table of docs/cli.md"));
        }
        if explained.command_only.contains(code) {
            say(format!("code `{code}` reaches apps, and codes.toml says that only the command prints it"));
        }
    }
    for code in cli {
        if explained.codes.contains_key(code) == explained.command_only.contains(code) {
            say(format!("code `{code}` of docs/cli.md must stand once in codes.toml: explained, or as command_only"));
        }
    }
    for code in explained.codes.keys().chain(&explained.command_only) {
        if !cli.contains(code) && !given.contains_key(code) {
            say(format!("code `{code}` of codes.toml is not in the table of docs/cli.md"));
        }
    }
    for code in explained.codes.keys() {
        match (given.contains_key(code), explained.elsewhere.contains_key(code)) {
            (false, false) => {
                say(format!("code `{code}` of codes.toml is given by nothing: say under [elsewhere] where"))
            }
            (false, true) if !source(code) => say(format!("code `{code}` stands nowhere in core/client any more")),
            _ => {}
        }
    }
    for code in explained.elsewhere.keys().filter(|code| !explained.codes.contains_key(*code)) {
        say(format!("code `{code}` stands under [elsewhere] of codes.toml and is not explained there"));
    }
    problems
}

/// All of it, for a checkout: what is explained, and where each code arrives.
pub(crate) fn of_checkout(root: &Path) -> Result<(Explained, Given, Vec<String>), String> {
    let path = root.join("bindings/generate/codes.toml");
    let explained: Explained = toml::from_str(&read(&path)?).map_err(|e| format!("codes.toml: {e}"))?;
    let mut given = given(root)?;
    let cli = of_cli(&read(&root.join("docs/cli.md"))?);
    let mut source = String::new();
    for file in rust_files(&root.join("core/client/src"))? {
        source.push_str(&read(&file)?);
    }
    let problems = problems(&given, &explained, &cli, |code| source.contains(&format!("\"{code}\"")));
    for (code, place) in &explained.elsewhere {
        given.entry(code.clone()).or_default().insert(place.clone());
    }
    Ok((explained, given, problems))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAULT: &str = r#"impl SyncFault { pub const fn code(&self) -> &'static str { match self {
        Self::Busy { .. } => "hub_busy", Self::Cancelled => "cancelled",
        Self::Wire(WireError::BadSignature(_)) => "bad_signature", Self::Wire(_) => "malformed" } } }"#;
    const CLIENT: &str = r#"impl ClientError { pub const fn code(&self) -> &'static str { match self {
        Self::Pin => "pin", Self::Vault(_) => "vault", Self::Sync(f) => f.code() } } }"#;
    const DENIED: &str =
        r#"impl Denied { fn code(&self) -> &'static str { match self { Self::Left => "withdrawn" } } }"#;
    const MAPPING: &str =
        "impl From<ClientError> for ApiError { fn from(e: ClientError) -> Self { let code = e.code(); match e {
        ClientError::Pin | ClientError::Vault(client::VaultError::Locked) => Self::Locked { code },
        ClientError::Sync(SyncFault::Cancelled) => { Self::Suspended { code } }
        ClientError::Sync(_) => Self::Hub { code }, ClientError::Vault(_) => Self::Storage { code } } } }";

    fn places(given: &Given, code: &str) -> Vec<String> {
        given[code].iter().cloned().collect()
    }

    #[test]
    fn codes_are_found_with_the_error_that_brings_them() {
        let given = of_sources(CLIENT, FAULT, DENIED, MAPPING).unwrap();
        assert_eq!(places(&given, "vault"), ["ApiError::Locked", "ApiError::Storage"]);
        assert_eq!(places(&given, "cancelled"), ["ApiError::Suspended", "Failure::code"]);
        assert_eq!(places(&given, "malformed"), ["ApiError::Hub", "Failure::code"]);
        assert_eq!(places(&given, "withdrawn"), ["Answer::error"]);
    }

    #[test]
    fn an_error_that_nothing_maps_is_said() {
        let less = MAPPING.replace("ClientError::Pin |", "");
        assert!(of_sources(CLIENT, FAULT, DENIED, &less).unwrap_err().contains("ClientError::Pin"));
    }

    fn sound() -> (Given, Explained, BTreeSet<String>) {
        let given = Given::from([("pin".into(), BTreeSet::from(["ApiError::Locked".into()]))]);
        let explained = Explained {
            codes: BTreeMap::from([("pin".into(), "ask".into()), ("not_synced".into(), "sync".into())]),
            elsewhere: BTreeMap::from([("not_synced".into(), "Answer::error".into())]),
            command_only: BTreeSet::from(["usage".into()]),
        };
        let cli = of_cli(
            "# A\n\n## Error codes\n| code |\n|---|\n| `pin` | 6 |\n| `not_synced` | 4 |\n| `usage` | 2 |\n\n### B\n| `x` |\n",
        );
        (given, explained, cli)
    }

    #[test]
    fn a_code_without_words_is_found() {
        let (given, explained, cli) = sound();
        let none: [String; 0] = [];
        assert_eq!(problems(&given, &explained, &cli, |_| true), none);

        let mut more = given.clone();
        more.insert("new".into(), BTreeSet::new());
        assert_eq!(problems(&more, &explained, &cli, |_| true).len(), 2, "neither codes.toml nor docs/cli.md has it");
        let mut longer = cli.clone();
        longer.insert("other".into());
        assert_eq!(problems(&given, &explained, &longer, |_| true).len(), 1, "it stands in docs/cli.md alone");
        assert_eq!(problems(&given, &explained, &cli, |_| false).len(), 1, "nothing gives `not_synced` any more");
        let gone = Given::new();
        assert_eq!(problems(&gone, &explained, &cli, |_| true).len(), 1, "nothing gives `pin` any more");
    }
}
