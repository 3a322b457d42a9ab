//! Documents that point at things, and scripts that should run.

use super::{File, Finding};

const DECISIONS: &str = "docs/adr/";
const INDEX: &str = "docs/adr/README.md";

/// The rules `adr-index`, `dead-link` and `executable`.
pub(super) fn findings(files: &[File], exists: impl Fn(&str) -> bool) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut find = |path: &str, line: usize, rule: &'static str, what: String| {
        found.push(Finding { path: path.into(), line, rule, what });
    };
    let index = files.iter().find(|file| file.path == INDEX).map_or("", |file| file.text.as_str());
    for file in files {
        if let Some(name) = file.path.strip_prefix(DECISIONS)
            && file.path != INDEX
            && name.ends_with(".md")
            && !index.contains(&format!("]({name})"))
        {
            find(&file.path, 1, "adr-index", format!("link it from {INDEX}"));
        }
        if file.path.ends_with(".md") {
            for (line, target) in links(&file.text) {
                match resolve(&file.path, &target) {
                    Some(path) if exists(&path) => {}
                    Some(path) => find(&file.path, line, "dead-link", format!("there is no {path}")),
                    None => find(&file.path, line, "dead-link", format!("{target} leads out of the repository")),
                }
            }
        }
        if is_script(file) && !file.executable {
            find(&file.path, 1, "executable", format!("chmod +x {}", file.path));
        }
    }
    found
}

/// What should run: .ci/run, and whatever stands directly in script/ unless it is plainly a part of another.
fn is_script(file: &File) -> bool {
    let direct = file.path.strip_prefix("script/").filter(|name| !name.contains('/'));
    file.path == ".ci/run" || direct.is_some_and(|name| file.text.starts_with("#!") || !name.contains('.'))
}

/// Relative links of a Markdown text, with their lines: inline, by reference, and those of embedded HTML.
fn links(text: &str) -> Vec<(usize, String)> {
    let mut links = Vec::new();
    let mut fenced = false;
    for (index, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") || line.trim_start().starts_with("~~~") {
            fenced = !fenced;
            continue;
        }
        if fenced || line.starts_with("    ") {
            continue;
        }
        // Odd parts of a line split at backticks are code, and code is not a link.
        let prose: String = line.split('`').step_by(2).collect::<Vec<_>>().join("``");
        let mut targets: Vec<&str> = Vec::new();
        targets.extend(prose.split("](").skip(1).filter_map(|rest| rest.split(')').next()));
        targets.extend(prose.strip_prefix('[').and_then(|rest| rest.split_once("]: ")).map(|(_, target)| target));
        for attribute in ["src=\"", "href=\""] {
            targets.extend(prose.split(attribute).skip(1).filter_map(|rest| rest.split('"').next()));
        }
        for target in targets {
            let target = target.trim().trim_start_matches('<').split([' ', '>', '#', '?']).next().unwrap_or_default();
            let elsewhere = target.contains("://") || target.starts_with("mailto:");
            if !target.is_empty() && !elsewhere {
                links.push((index + 1, target.replace("%20", " ")));
            }
        }
    }
    links
}

/// A link's target as a path from the root; none if it leaves the repository.
fn resolve(from: &str, target: &str) -> Option<String> {
    let mut parts: Vec<&str> = if target.starts_with('/') { Vec::new() } else { from.split('/').collect() };
    parts.pop();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{file, rules_found};
    use super::*;

    fn found(files: &[File], existing: &[&str]) -> Vec<&'static str> {
        rules_found(&findings(files, |path| existing.contains(&path)))
    }

    #[test]
    fn every_decision_is_in_the_index() {
        let decision = || file("docs/adr/0001-a.md", "# a");
        assert_eq!(found(&[decision()], &[]), ["adr-index"]);
        assert_eq!(found(&[file(INDEX, "0001-a.md is not a link"), decision()], &[]), ["adr-index"]);
        assert!(found(&[file(INDEX, "[a](0001-a.md)"), decision()], &["docs/adr/0001-a.md"]).is_empty());
    }

    #[test]
    fn links_lead_somewhere() {
        for text in [
            "[a](b.md)",
            "![a](b.svg 'title')",
            "[a]: b.md",
            "<img src=\"b.svg\">",
            "[a](../docs/b.md#part)",
            "[a](/b)",
        ] {
            assert_eq!(found(&[file("docs/a.md", text)], &[]), ["dead-link"], "{text}");
        }
        assert_eq!(found(&[file("a.md", "[a](../outside.md)")], &["outside.md"]), ["dead-link"]);
        assert!(
            found(&[file("docs/a.md", "[a](b.md#x) [b](../c/d.md) [c](./)")], &["docs/b.md", "c/d.md", "docs"])
                .is_empty()
        );
    }

    #[test]
    fn what_is_no_relative_link_is_left_alone() {
        let text =
            "[a](https://example.org/b) [b](#part) [c](mailto:a@example.org) `[d](e)`\n```\n[f](g)\n```\n    [h](i)\n";
        assert!(found(&[file("a.md", text)], &[]).is_empty());
    }

    #[test]
    fn scripts_can_be_run() {
        for path in ["script/demo", ".ci/run"] {
            assert_eq!(found(&[file(path, "echo")], &[]), ["executable"], "{path}");
            assert!(found(&[File { executable: true, ..file(path, "echo") }], &[]).is_empty());
        }
        assert_eq!(found(&[file("script/picture.py", "#!/usr/bin/env python3\n")], &[]), ["executable"]);
        assert!(found(&[file("script/common.sh", "cache=x"), file("script/lib/x", "")], &[]).is_empty());
    }
}
