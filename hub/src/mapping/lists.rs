//! List fields: items of a cell, and the parts of an item.

use super::field::{Column, parts};

/// One item, its parts by name.
pub(super) struct Item<'a> {
    values: Vec<&'a str>,
    names: Vec<&'a str>,
    kind: &'a str,
}

impl<'a> Item<'a> {
    /// A part, empty if the item has none of that name.
    pub(super) fn get(&self, name: &str) -> &'a str {
        let at = self.names.iter().position(|n| *n == name);
        let value = at.and_then(|i| self.values.get(i)).copied().unwrap_or("");
        if value.is_empty() && name == "kind" { self.kind } else { value }
    }

    /// A part as owned text.
    pub(super) fn text(&self, name: &str) -> String {
        self.get(name).to_owned()
    }

    /// The kind, or what stands for it.
    pub(super) fn kind_or(&self, default: &str) -> String {
        let kind = self.get("kind");
        if kind.is_empty() { default.to_owned() } else { kind.to_owned() }
    }
}

/// The items of `cell` in list field `field`.
///
/// # Errors
/// An item has more parts than the mapping names.
pub(super) fn items<'a>(field: &str, column: &'a Column, cell: &'a str) -> Result<Vec<Item<'a>>, &'static str> {
    let kind = column.kind.as_deref().unwrap_or("");
    let names: Vec<&str> = match &column.parts {
        Some(p) => p.iter().map(String::as_str).collect(),
        None => parts(field).into_iter().flatten().copied().filter(|p| kind.is_empty() || *p != "kind").collect(),
    };
    let (split, part_split) = (column.split.as_deref().unwrap_or(";"), column.part_split.as_deref().unwrap_or("|"));
    let mut out = Vec::new();
    for item in cell.split(split).map(str::trim).filter(|i| !i.is_empty()) {
        // With a single part named, the item is that part, whatever it contains.
        let values: Vec<&str> =
            if names.len() == 1 { vec![item] } else { item.split(part_split).map(str::trim).collect() };
        if values.len() > names.len() {
            return Err("an item has more parts than the mapping names");
        }
        if values.iter().all(|v| v.is_empty()) {
            continue;
        }
        out.push(Item { values, names: names.clone(), kind });
    }
    Ok(out)
}
