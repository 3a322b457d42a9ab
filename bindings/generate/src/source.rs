//! Documentation that UniFFI does not carry: that of types which the bindings take from `beatcheck-model` and
//! `beatcheck-client`. It is read where it is written, in the Rust source. Where the bindings declare a type once more
//! (the key vault is one), the core's text is the contract, so it is the one that is shown.
//!
//! A type is found by its name; where two have it, by its fields. Macros are not expanded: a type that one declares is
//! not seen, and then it is a hole of the reference, which is an error.

use crate::surface::{Field, Item, Surface, What};
use std::collections::BTreeMap;
use std::path::Path;
use syn::{Attribute, Expr, Fields, Lit, Meta, Visibility};

/// Public types of Rust sources, by name.
#[derive(Debug, Default)]
pub(crate) struct Source {
    types: BTreeMap<String, Vec<Declared>>,
}

/// A type as it was declared: members are fields, or variants and their fields.
#[derive(Clone, Debug)]
struct Declared {
    docs: Option<String>,
    members: Vec<Member>,
}

#[derive(Clone, Debug)]
struct Member {
    name: String,
    docs: Option<String>,
    fields: Vec<Member>,
}

impl Source {
    /// Reads every Rust file below `dir`.
    pub(crate) fn add_dir(&mut self, dir: &Path) -> Result<(), String> {
        for file in rust_files(dir)? {
            let text = read(&file)?;
            self.add(&text).map_err(|e| format!("{}: {e}", file.display()))?;
        }
        Ok(())
    }

    /// Reads one file.
    pub(crate) fn add(&mut self, text: &str) -> Result<(), String> {
        let file = syn::parse_file(text).map_err(|e| e.to_string())?;
        self.walk(&file.items);
        Ok(())
    }

    fn walk(&mut self, items: &[syn::Item]) {
        for item in items {
            match item {
                syn::Item::Struct(s) if matches!(s.vis, Visibility::Public(_)) => {
                    let declared = Declared { docs: docs(&s.attrs), members: members(&s.fields) };
                    self.types.entry(s.ident.to_string()).or_default().push(declared);
                }
                syn::Item::Enum(e) if matches!(e.vis, Visibility::Public(_)) => {
                    let members = e.variants.iter().map(|v| Member {
                        name: v.ident.to_string(),
                        docs: docs(&v.attrs),
                        fields: members(&v.fields),
                    });
                    let declared = Declared { docs: docs(&e.attrs), members: members.collect() };
                    self.types.entry(e.ident.to_string()).or_default().push(declared);
                }
                syn::Item::Trait(t) if matches!(t.vis, Visibility::Public(_)) => {
                    let members = t.items.iter().filter_map(|item| match item {
                        syn::TraitItem::Fn(f) => {
                            Some(Member { name: f.sig.ident.to_string(), docs: docs(&f.attrs), fields: Vec::new() })
                        }
                        _ => None,
                    });
                    let declared = Declared { docs: docs(&t.attrs), members: members.collect() };
                    self.types.entry(t.ident.to_string()).or_default().push(declared);
                }
                syn::Item::Mod(m) => self.walk(m.content.as_ref().map_or(&[], |(_, items)| items)),
                _ => {}
            }
        }
    }

    /// Gives the surface the documentation of what is declared here.
    pub(crate) fn fill(&self, surface: &mut Surface) -> Result<(), String> {
        for (name, item) in &mut surface.items {
            let Some(found) = self.types.get(name) else { continue };
            let alike: Vec<_> = found.iter().filter(|d| is_of(d, item)).collect();
            match alike.as_slice() {
                [] => {}
                [one] => fill(item, one),
                more => return Err(format!("{name} is declared {} times with the same fields", more.len())),
            }
        }
        Ok(())
    }
}

/// Every Rust file below a directory, in order.
pub(crate) fn rust_files(dir: &Path) -> Result<Vec<std::path::PathBuf>, String> {
    let (mut files, mut dirs) = (Vec::new(), vec![dir.to_owned()]);
    while let Some(dir) = dirs.pop() {
        let problem = |e| format!("{}: {e}", dir.display());
        for entry in std::fs::read_dir(&dir).map_err(problem)? {
            let path = entry.map_err(problem)?.path();
            match path.extension() {
                Some(extension) if extension == "rs" => files.push(path),
                _ if path.is_dir() => dirs.push(path),
                _ => {}
            }
        }
    }
    files.sort();
    Ok(files)
}

/// A text file.
pub(crate) fn read(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))
}

fn members(fields: &Fields) -> Vec<Member> {
    let member = |f: &syn::Field| Member {
        name: f.ident.as_ref().map(ToString::to_string).unwrap_or_default(),
        docs: docs(&f.attrs),
        fields: Vec::new(),
    };
    fields.iter().map(member).collect()
}

/// The text of `///`, without the space that each line begins with.
pub(crate) fn docs(attributes: &[Attribute]) -> Option<String> {
    let mut lines = Vec::new();
    for attribute in attributes {
        let Meta::NameValue(meta) = &attribute.meta else { continue };
        let Expr::Lit(value) = &meta.value else { continue };
        match &value.lit {
            Lit::Str(text) if meta.path.is_ident("doc") => {
                let text = text.value();
                lines.push(text.strip_prefix(' ').unwrap_or(&text).to_owned());
            }
            _ => {}
        }
    }
    if lines.is_empty() { None } else { Some(lines.join("\n")) }
}

/// Whether this declaration is the item's.
fn is_of(declared: &Declared, item: &Item) -> bool {
    let names = |members: &[Member]| members.iter().map(|m| m.name.clone()).collect::<Vec<_>>();
    match &item.what {
        What::Record(fields) => {
            let own: Vec<_> = fields.iter().map(|f| f.name.clone()).collect();
            names(&declared.members) == own
        }
        What::Enum(variants) => {
            let own: Vec<_> = variants.iter().map(|v| v.name.clone()).collect();
            names(&declared.members) == own
        }
        What::Alias(_) => true,
        What::Trait => {
            declared.members.len() == item.calls.len()
                && declared.members.iter().all(|m| item.calls.contains_key(&m.name))
        }
        What::Function(_) | What::Object => false,
    }
}

fn fill(item: &mut Item, declared: &Declared) {
    fn take(own: &mut Option<String>, from: &Member) {
        *own = from.docs.clone().or_else(|| own.take());
    }
    fn fields(fields: &mut [Field], declared: &[Member]) {
        fields.iter_mut().zip(declared).for_each(|(field, member)| take(&mut field.docs, member));
    }
    item.docs = declared.docs.clone().or_else(|| item.docs.take());
    match &mut item.what {
        What::Record(own) => fields(own, &declared.members),
        What::Enum(variants) => {
            for (variant, member) in variants.iter_mut().zip(&declared.members) {
                take(&mut variant.docs, member);
                if variant.fields.len() == member.fields.len() {
                    fields(&mut variant.fields, &member.fields);
                }
            }
        }
        _ => {
            for member in &declared.members {
                if let Some(call) = item.calls.get_mut(&member.name) {
                    take(&mut call.docs, member);
                }
            }
        }
    }
}
