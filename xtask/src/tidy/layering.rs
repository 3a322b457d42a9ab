//! Which crate may use which, from what cargo says rather than from what the manifests look like.
//!
//! Normal and build dependencies must follow the table exactly. Tests may look up (a store's test may want the whole
//! client), but the hub never sees the device's store or client, nor the store the hub, not even in a test: what is
//! only tested together drifts into being built together. The end-to-end tests belong to the root package.

use super::Finding;
use cargo_metadata::{DependencyKind, MetadataCommand};
use std::path::Path;

/// A crate of ours, and the crates below it that it may use.
const LAYERS: &[(&str, &[&str])] = &[
    ("beatcheck-model", &[]),
    ("beatcheck-wire", &["beatcheck-model"]),
    ("beatcheck-search", &["beatcheck-model"]),
    ("beatcheck-policy", &["beatcheck-model", "beatcheck-wire"]),
    ("beatcheck-audit", &["beatcheck-model", "beatcheck-wire"]),
    ("beatcheck-store", &["beatcheck-model", "beatcheck-wire", "beatcheck-search", "beatcheck-policy"]),
    ("beatcheck-sync", &["beatcheck-model", "beatcheck-wire"]),
    ("beatcheck-sim", &["beatcheck-model", "beatcheck-wire", "beatcheck-sync"]),
    (
        "beatcheck-client",
        &[
            "beatcheck-model",
            "beatcheck-wire",
            "beatcheck-search",
            "beatcheck-policy",
            "beatcheck-audit",
            "beatcheck-store",
            "beatcheck-sync",
        ],
    ),
    (
        "beatcheck-hub",
        &["beatcheck-model", "beatcheck-wire", "beatcheck-policy", "beatcheck-search", "beatcheck-audit"],
    ),
    ("beatcheck-console", &["beatcheck-model", "beatcheck-wire", "beatcheck-policy", "beatcheck-hub"]),
    ("beatcheck-relay", &["beatcheck-model", "beatcheck-wire"]),
    ("beatcheck", &["beatcheck-client", "beatcheck-model"]),
    ("beatcheck-bindgen", &[]),
    ("beatcheck-fixtures", &["beatcheck-model"]),
    ("xtask", &[]),
];

/// The one crate that stands above all others and may use any of them.
const TOP: &str = "beatcheck-cli";

/// Not even a test may join these.
const NEVER: &[(&str, &str)] = &[
    ("beatcheck-hub", "beatcheck-store"),
    ("beatcheck-hub", "beatcheck-client"),
    ("beatcheck-store", "beatcheck-hub"),
    ("beatcheck-console", "beatcheck-store"),
    ("beatcheck-console", "beatcheck-client"),
    ("beatcheck-relay", "beatcheck-hub"),
];

/// Whose the network is.
const NETWORK: &[&str] = &["beatcheck-client", "beatcheck-hub", "beatcheck-console", "beatcheck-relay", TOP];

/// Dependencies that belong to somebody, and to whom. `true`: tests of other crates may not name them either.
const OWNED: &[(&str, &[&str], bool)] = &[
    ("rusqlite", &["beatcheck-store", "beatcheck-hub"], true),
    ("sled", &["beatcheck-store"], true),
    ("uniffi", &["beatcheck", "beatcheck-bindgen"], true),
    ("tokio", NETWORK, false),
    ("tokio-rustls", NETWORK, false),
    ("rustls", NETWORK, false),
    ("hyper", NETWORK, false),
    ("hyper-util", NETWORK, false),
    ("hyper-rustls", NETWORK, false),
    ("axum", NETWORK, false),
];

/// One crate of the workspace: what cargo knows of it, and its manifest's text for the line numbers.
pub(crate) struct Crate {
    name: String,
    manifest: String,
    text: String,
    uses: Vec<(String, DependencyKind)>,
}

/// The workspace's crates, from `cargo metadata`.
pub(super) fn crates(root: &Path) -> Result<Vec<Crate>, String> {
    let metadata = MetadataCommand::new()
        .manifest_path(root.join("Cargo.toml"))
        .no_deps()
        .other_options(["--offline".to_owned()])
        .exec()
        .map_err(|problem| format!("cargo metadata: {problem}"))?;
    let mut crates = Vec::new();
    for package in metadata.packages {
        let path = package.manifest_path.as_std_path();
        let text = std::fs::read_to_string(path).map_err(|problem| format!("{}: {problem}", path.display()))?;
        let manifest = path.strip_prefix(root).unwrap_or(path).to_string_lossy().replace('\\', "/");
        let uses = package.dependencies.into_iter().map(|used| (used.name, used.kind)).collect();
        crates.push(Crate { name: package.name.to_string(), manifest, text, uses });
    }
    if crates.is_empty() { Err("cargo metadata named no crates".into()) } else { Ok(crates) }
}

/// The rules `layering`, `owned-dependency` and `workspace-lints`.
pub(super) fn findings(crates: &[Crate]) -> Vec<Finding> {
    let mut found = Vec::new();
    for one in crates {
        let mut find = |line: usize, rule: &'static str, what: String| {
            found.push(Finding { path: one.manifest.clone(), line, rule, what });
        };
        let layer = LAYERS.iter().find(|(name, _)| *name == one.name);
        if layer.is_none() && one.name != TOP {
            find(
                1,
                "layering",
                format!("{} has no layer: decide what it may use in xtask/src/tidy/layering.rs", one.name),
            );
        }
        for (used, kind) in &one.uses {
            let line = one.line_of(used);
            let test_only = *kind == DependencyKind::Development;
            let ours = crates.iter().any(|other| other.name == *used)
                || LAYERS.iter().any(|(name, _)| name == used)
                || used == TOP;
            if ours && used != &one.name {
                if NEVER.contains(&(one.name.as_str(), used.as_str())) {
                    find(line, "layering", format!("{} must never use {used}: test them together in tests/", one.name));
                } else if let Some((_, below)) = layer
                    && !test_only
                    && !below.contains(&used.as_str())
                {
                    find(
                        line,
                        "layering",
                        format!("{} may not use {used}: move what you need to a layer below both", one.name),
                    );
                }
            }
            if let Some((_, owners, tests_too)) = OWNED.iter().find(|(name, ..)| name == used)
                && !owners.contains(&one.name.as_str())
                && (*tests_too || !test_only)
            {
                find(line, "owned-dependency", format!("{used} belongs to {}: ask it instead", owners.join(" and ")));
            }
        }
        if !one.takes_workspace_lints() {
            find(1, "workspace-lints", "add `[lints] workspace = true`".into());
        }
    }
    found
}

impl Crate {
    /// The line on which the manifest names a dependency; 1 when it is renamed or inherited from elsewhere.
    fn line_of(&self, dependency: &str) -> usize {
        let names = |line: &str| {
            let line = line.trim_start().trim_start_matches("[dependencies.").trim_start_matches("[dev-dependencies.");
            line.strip_prefix(dependency).is_some_and(|rest| rest.starts_with([' ', '=', '.', ']']))
        };
        self.text.lines().position(names).map_or(1, |index| index + 1)
    }

    fn takes_workspace_lints(&self) -> bool {
        let Ok(manifest) = self.text.parse::<toml::Table>() else { return false };
        manifest.get("lints").and_then(|lints| lints.get("workspace")).and_then(toml::Value::as_bool) == Some(true)
    }

    /// A crate from its name and a manifest's text, as cargo would report it.
    #[cfg(test)]
    pub(super) fn for_test(name: &str, text: &str) -> Self {
        let manifest: toml::Table = text.parse().expect("a manifest");
        let mut uses = Vec::new();
        for (table, kind) in [
            ("dependencies", DependencyKind::Normal),
            ("dev-dependencies", DependencyKind::Development),
            ("build-dependencies", DependencyKind::Build),
        ] {
            for used in manifest.get(table).and_then(toml::Value::as_table).into_iter().flatten() {
                uses.push((used.0.clone(), kind));
            }
        }
        Self { name: name.into(), manifest: format!("{name}/Cargo.toml"), text: text.into(), uses }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(name: &str, dependencies: &str) -> Vec<String> {
        let text = format!("{dependencies}\n[lints]\nworkspace = true\n");
        findings(&[Crate::for_test(name, &text)]).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_layer_may_not_look_up() {
        let up = found("beatcheck-model", "[dependencies]\nserde = {}\nbeatcheck-wire = {}");
        assert_eq!(up.len(), 1);
        assert!(up[0].starts_with("beatcheck-model/Cargo.toml:3: layering: "), "{up:?}");
        assert_eq!(found("beatcheck-sync", "[build-dependencies]\nbeatcheck-store = {}").len(), 1);
        assert_eq!(found("beatcheck-audit", "[dependencies]\nbeatcheck-policy = {}").len(), 1);
        assert_eq!(found("beatcheck", "[dependencies]\nbeatcheck-store = {}").len(), 1);
        assert_eq!(found("beatcheck-client", "[dependencies]\nbeatcheck-cli = {}").len(), 1);
    }

    #[test]
    fn a_layer_may_use_what_is_below() {
        for (name, below) in LAYERS {
            let all: Vec<String> = below.iter().map(|used| format!("{used} = {{}}")).collect();
            assert_eq!(found(name, &format!("[dependencies]\n{}", all.join("\n"))), Vec::<String>::new());
        }
        assert!(
            found(TOP, "[dependencies]\nbeatcheck-hub = {}\nbeatcheck-client = {}\nbeatcheck-store = {}").is_empty()
        );
    }

    #[test]
    fn tests_may_look_up_but_hub_and_store_never_meet() {
        assert!(found("beatcheck-store", "[dev-dependencies]\nbeatcheck-client = {}").is_empty());
        assert!(found("beatcheck", "[dev-dependencies]\nbeatcheck-hub = {}\nbeatcheck-store = {}").is_empty());
        for (from, to) in NEVER {
            for table in ["dependencies", "dev-dependencies"] {
                assert_eq!(found(from, &format!("[{table}]\n{to} = {{}}")).len(), 1, "{from} -> {to} in {table}");
            }
        }
    }

    #[test]
    fn a_crate_without_a_layer_is_found() {
        assert!(found("beatcheck-extra", "").iter().any(|line| line.contains("has no layer")));
    }

    #[test]
    fn owned_dependencies_stay_with_their_owner() {
        for (name, owners, tests_too) in OWNED {
            for (crate_name, _) in LAYERS {
                let expected = usize::from(!owners.contains(crate_name));
                assert_eq!(
                    found(crate_name, &format!("[dependencies]\n{name} = \"1\"")).len(),
                    expected,
                    "{crate_name} {name}"
                );
                let in_tests = if *tests_too { expected } else { 0 };
                assert_eq!(found(crate_name, &format!("[dev-dependencies]\n{name} = \"1\"")).len(), in_tests);
            }
        }
    }

    #[test]
    fn lints_must_be_the_workspaces() {
        for text in ["", "[lints.rust]\nunsafe_code = \"warn\"", "[lints]\nworkspace = false"] {
            let findings = findings(&[Crate::for_test("beatcheck-model", text)]);
            assert_eq!(super::super::tests::rules_found(&findings), ["workspace-lints"]);
        }
    }
}
