//! Rust's documentation as Markdown for people who write no Rust: links lead to the reference, names are camelCase.

use crate::language::camel;
use crate::surface::{Field, Surface, What};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Where each item stands, by its path in Rust (`Device::sync`, `Answer`): page and heading.
pub(crate) struct Links<'a> {
    pub(crate) surface: &'a Surface,
    pub(crate) places: BTreeMap<String, (String, String)>,
    /// The checkout, for mentions of its documents.
    pub(crate) root: PathBuf,
}

/// The anchor of a heading, as GitHub makes it.
pub(crate) fn slug(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

/// How an item is headed and mentioned.
pub(crate) fn shown(path: &str) -> String {
    match path.split_once("::") {
        None if path.starts_with(char::is_lowercase) => camel(path),
        None => path.to_owned(),
        Some((of, member)) if member.starts_with(char::is_lowercase) => format!("{of}.{}", camel(member)),
        Some((of, member)) => format!("{of}.{member}"),
    }
}

impl Links<'_> {
    /// A text as blocks of Markdown on a page. `within` is what it is the text of: `Answer`, `Device::sync`, `recover`.
    pub(crate) fn text(&self, docs: &str, page: &str, within: &str) -> String {
        let (mut out, mut fenced, mut title) = (Vec::new(), false, None::<String>);
        for line in docs.trim().lines() {
            if line.trim_start().starts_with("```") {
                let language = line.trim().trim_start_matches('`');
                // What rustdoc is told about an example is of no use here.
                let opens = if fenced {
                    "```"
                } else if is_rust(language) {
                    "```rust"
                } else {
                    line.trim()
                };
                out.push(opens.to_owned());
                fenced = !fenced;
            } else if fenced {
                // Lines that rustdoc hides.
                if line.trim() != "#" && !line.trim_start().starts_with("# ") {
                    out.push(line.to_owned());
                }
            } else if let Some(heading) = line.trim_start().strip_prefix('#') {
                title = Some(format!("**{}.** ", heading.trim_start_matches('#').trim()));
            } else if line.trim().is_empty() && title.is_some() {
            } else {
                out.push(format!("{}{}", title.take().unwrap_or_default(), self.line(line, page, within)));
            }
        }
        out.join("\n")
    }

    /// A text in one line, for a table's cell.
    pub(crate) fn cell(&self, docs: &str, page: &str, within: &str) -> Result<String, String> {
        if docs.contains("```") {
            return Err(format!(
                "{within}: an example cannot stand in a table: move it to the type's or call's own text"
            ));
        }
        let text = self.text(docs, page, within);
        let paragraphs = text.split("\n\n").map(|p| p.split_whitespace().collect::<Vec<_>>().join(" "));
        Ok(paragraphs.collect::<Vec<_>>().join("<br>").replace('|', "\\|"))
    }

    /// Links and code of one line. A link that is broken over two lines stays as it is.
    fn line(&self, line: &str, page: &str, within: &str) -> String {
        let mut out = String::new();
        let mut rest = line;
        while let Some(start) = rest.find('`') {
            let Some(length) = rest[start + 1..].find('`') else { break };
            let (before, code) = (&rest[..start], &rest[start + 1..start + 1 + length]);
            let mut after = &rest[start + length + 2..];
            let bracketed = before.ends_with('[') && after.starts_with(']');
            let mut path = code;
            out.push_str(if bracketed { &before[..before.len() - 1] } else { before });
            if bracketed {
                after = &after[1..];
                // `[`text`](path)`: rustdoc's own target, unless it is an address.
                if let Some((target, more)) = after.strip_prefix('(').and_then(|a| a.split_once(')')) {
                    if target.contains('/') {
                        out.push_str(&format!("[`{code}`]({target})"));
                        rest = more;
                        continue;
                    }
                    (path, after) = (target, more);
                }
            }
            out.push_str(&self.mention(path, bracketed, page, within));
            rest = after;
        }
        out.push_str(rest);
        out
    }

    /// A name in backticks: a link if the reference has it, else as it is.
    pub(crate) fn mention(&self, code: &str, meant_as_link: bool, page: &str, within: &str) -> String {
        if code.starts_with("docs/") && code.ends_with(".md") && self.root.join(code).is_file() {
            return format!("[{code}](../{})", &code["docs/".len()..]);
        }
        if !meant_as_link && self.is_own_name(code, within) {
            return format!("`{}`", camel(code));
        }
        let within = within.split("::").next().unwrap_or_default();
        let path = code.trim_end_matches("()").replace("Self::", &format!("{within}::")).replace('.', "::");
        let parts: Vec<&str> = path.split("::").filter(|p| !matches!(*p, "crate" | "self" | "super")).collect();
        let parts = match parts.as_slice() {
            [first, others @ ..] if first.starts_with("beatcheck") => others,
            all => all,
        };
        let item = |name: &str| self.surface.items.contains_key(name);
        let found = match parts {
            [name] if item(name) && (meant_as_link || name.starts_with(char::is_uppercase)) => Some(name.to_string()),
            [of, member] if item(of) && self.has_member(of, member) => Some(format!("{of}::{member}")),
            // A text says `sync` of the type that it is about.
            [member] if meant_as_link && item(within) && self.has_member(within, member) => {
                Some(format!("{within}::{member}"))
            }
            _ => None,
        };
        let Some(found) = found else {
            return if meant_as_link { format!("`{}`", shown(&parts.join("::"))) } else { format!("`{code}`") };
        };
        let of = found.split("::").next().unwrap_or_default().to_owned();
        match self.places.get(&found).or_else(|| self.places.get(&of)) {
            Some((_, _)) if of == within && !self.places.contains_key(&found) => format!("`{}`", shown(&found)),
            Some((there, anchor)) if there == page => format!("[`{}`](#{anchor})", shown(&found)),
            Some((there, anchor)) => format!("[`{}`]({there}#{anchor})", shown(&found)),
            None => format!("`{}`", shown(&found)),
        }
    }

    /// Whether a text says this of what it is about: a parameter of the call, or a field of the type.
    fn is_own_name(&self, code: &str, within: &str) -> bool {
        let (of, call) = within.split_once("::").map_or((within, None), |(of, call)| (of, Some(call)));
        let Some(item) = self.surface.items.get(of) else { return false };
        let named = |fields: &[Field]| fields.iter().any(|f| f.name == code);
        match (call.and_then(|call| item.calls.get(call)), &item.what) {
            (Some(call), _) | (None, What::Function(call)) => named(&call.inputs),
            (None, What::Record(fields)) => named(fields),
            (None, What::Enum(variants)) => variants.iter().any(|v| named(&v.fields)),
            _ => false,
        }
    }

    fn has_member(&self, of: &str, member: &str) -> bool {
        let Some(item) = self.surface.items.get(of) else { return false };
        item.calls.contains_key(member)
            || match &item.what {
                What::Record(fields) => fields.iter().any(|f| f.name == member),
                What::Enum(variants) => variants.iter().any(|v| v.name == member),
                _ => false,
            }
    }
}

fn is_rust(language: &str) -> bool {
    language.is_empty() || language.split(',').any(|word| matches!(word, "rust" | "no_run" | "ignore" | "should_panic"))
}
