//! How long a Rust file may grow before it must be two, or say why not.

use super::{File, Finding};

/// Lines a Rust file may hold.
const LIMIT: usize = 400;
/// The files that may hold more: `path lines reason`, one a line, `#` for a remark.
const EXCEPTIONS: &str = "xtask/tidy-sizes.txt";

/// The rule `file-size`.
pub(super) fn findings(files: &[File]) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut find = |path: &str, line: usize, what: String| {
        found.push(Finding { path: path.into(), line, rule: "file-size", what })
    };
    let mut allowed: Vec<(&str, usize)> = Vec::new();
    if let Some(list) = files.iter().find(|file| file.path == EXCEPTIONS) {
        for (index, entry) in
            list.text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'))
        {
            let mut parts = entry.splitn(3, ' ');
            let (path, lines, reason) =
                (parts.next().unwrap_or_default(), parts.next(), parts.next().unwrap_or_default());
            let Some(lines) = lines.and_then(|lines| lines.parse::<usize>().ok()).filter(|_| reason.trim().len() > 3)
            else {
                find(EXCEPTIONS, index + 1, "write `path lines reason`".into());
                continue;
            };
            match files.iter().find(|file| file.path == path) {
                Some(file) if file.text.lines().count() > LIMIT => allowed.push((path, lines)),
                _ => find(EXCEPTIONS, index + 1, format!("{path} needs no exception: take it out")),
            }
        }
    }
    for file in files.iter().filter(|file| file.path.ends_with(".rs")) {
        let lines = file.text.lines().count();
        let limit = allowed.iter().find(|(path, _)| *path == file.path).map_or(LIMIT, |(_, lines)| *lines);
        if lines > limit {
            find(
                &file.path,
                limit + 1,
                format!("{lines} lines of at most {limit}: divide it, or list it in {EXCEPTIONS} with a reason"),
            );
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::tests::file;
    use super::*;

    fn found(list: &str, path: &str, lines: usize) -> Vec<String> {
        let files = [file(EXCEPTIONS, list), file(path, &"x\n".repeat(lines))];
        findings(&files).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn long_files_are_found() {
        assert!(found("", "hub/src/a.rs", 400).is_empty());
        assert!(found("", "hub/src/a.rs", 401)[0].starts_with("hub/src/a.rs:401: file-size: 401 lines of at most 400"));
        assert!(found("", "docs/a.md", 4000).is_empty());
    }

    #[test]
    fn an_exception_has_a_limit_and_a_reason() {
        assert!(found("# why\nhub/src/a.rs 450 one table, read whole\n", "hub/src/a.rs", 450).is_empty());
        assert_eq!(found("hub/src/a.rs 450 one table, read whole\n", "hub/src/a.rs", 451).len(), 1);
        assert_eq!(found("hub/src/a.rs 450\n", "hub/src/a.rs", 450).len(), 2, "no reason, so no exception");
        assert_eq!(found("hub/src/a.rs many because of reasons\n", "hub/src/a.rs", 450).len(), 2);
    }

    #[test]
    fn an_exception_ends_with_its_cause() {
        assert_eq!(found("hub/src/a.rs 450 one table, read whole\n", "hub/src/a.rs", 300).len(), 1);
        assert_eq!(found("hub/src/gone.rs 450 one table, read whole\n", "hub/src/a.rs", 300).len(), 1);
    }
}
