//! The reference for app developers: which page holds what, and how an item is shown.
//!
//! Order, titles and what leads in come from `pages.toml`, written by hand; all else comes from the library and the source.
//! An item that `pages.toml` places nowhere is an error, and so is a place for what is not there.

use crate::codes::{Explained, Given};
use crate::language::{Language, camel};
use crate::links::{Links, shown, slug};
use crate::surface::{Call, CallKind, Field, Surface, Variant, What};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;
use uniffi_meta::Type;

/// What `pages.toml` says.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Layout {
    title: String,
    text: String,
    page: Vec<Page>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Page {
    file: String,
    title: String,
    text: String,
    section: Vec<Section>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Section {
    title: String,
    #[serde(default)]
    text: String,
    /// `Answer`, `Device::sync`, `recover`.
    #[serde(default)]
    items: Vec<String>,
    /// Whether the table of codes stands here.
    #[serde(default)]
    codes: bool,
}

/// What the pages are made of.
pub(crate) struct Sources<'a> {
    pub(crate) surface: &'a Surface,
    pub(crate) explained: &'a Explained,
    pub(crate) given: &'a Given,
    /// Of the generated Kotlin.
    pub(crate) package: &'a str,
    pub(crate) root: &'a Path,
}

const NOTE: &str =
    "<!-- Written by `cargo xtask api --write` from the library and its source: change those, not this. -->\n";

/// The pages by their file names, or what is to be put right.
pub(crate) fn write(layout: &str, from: &Sources<'_>) -> Result<BTreeMap<String, String>, Vec<String>> {
    let layout: Layout = toml::from_str(layout).map_err(|e| vec![format!("pages.toml: {e}")])?;
    let places = places(&layout, from.surface)?;
    let links = Links { surface: from.surface, places, root: from.root.to_owned() };
    let writer = Writer { from, links: &links };
    let mut pages = BTreeMap::new();
    for page in &layout.page {
        pages.insert(page.file.clone(), writer.page(page).map_err(|e| vec![e])?);
    }
    pages.insert("README.md".into(), writer.index(&layout));
    Ok(pages)
}

/// Where each item stands: page and anchor.
fn places(layout: &Layout, surface: &Surface) -> Result<BTreeMap<String, (String, String)>, Vec<String>> {
    let mut wanted: BTreeSet<String> = BTreeSet::new();
    for (name, item) in &surface.items {
        wanted.insert(name.clone());
        wanted.extend(item.calls.keys().map(|call| format!("{name}::{call}")));
    }
    let (mut problems, mut places) = (Vec::new(), BTreeMap::new());
    for page in &layout.page {
        let mut taken: BTreeMap<String, usize> = BTreeMap::from([(slug(&page.title), 1)]);
        // The second heading of a page that would have the same anchor gets `-1`, as on GitHub.
        let mut anchor = |heading: &str| {
            let anchor = slug(heading);
            let times = taken.entry(anchor.clone()).or_default();
            *times += 1;
            if *times == 1 { anchor } else { format!("{anchor}-{}", *times - 1) }
        };
        for section in &page.section {
            places.insert(format!("# {}", section.title), (page.file.clone(), anchor(&section.title)));
            for item in &section.items {
                if !wanted.contains(item) {
                    problems.push(format!("pages.toml places {item}, which the library does not export"));
                }
                if places.insert(item.clone(), (page.file.clone(), anchor(&shown(item)))).is_some() {
                    problems.push(format!("pages.toml places {item} twice"));
                }
            }
        }
    }
    for item in wanted.iter().filter(|item| !places.contains_key(*item)) {
        problems.push(format!("{item} stands on no page: place it in bindings/generate/pages.toml"));
    }
    if problems.is_empty() { Ok(places) } else { Err(problems) }
}

struct Writer<'a> {
    from: &'a Sources<'a>,
    links: &'a Links<'a>,
}

impl Writer<'_> {
    fn index(&self, layout: &Layout) -> String {
        let text = layout.text.replace("{package}", self.from.package);
        let mut out = format!("{NOTE}# {}\n\n{}\n", layout.title, self.links.text(&text, "README.md", ""));
        for page in &layout.page {
            let _ = writeln!(out, "\n## [{}]({})\n", page.title, page.file);
            for section in &page.section {
                let items: Vec<_> =
                    section.items.iter().map(|i| self.links.mention(i, true, "README.md", "")).collect();
                let after = if items.is_empty() { String::new() } else { format!(": {}", items.join(", ")) };
                let (_, anchor) = &self.links.places[&format!("# {}", section.title)];
                let _ = writeln!(out, "- [{}]({}#{anchor}){after}", section.title, page.file);
            }
        }
        out
    }

    fn page(&self, page: &Page) -> Result<String, String> {
        let text = self.links.text(&page.text, &page.file, "");
        let mut out = format!("{NOTE}# {}\n\n[All of the reference](README.md)\n\n{text}\n", page.title);
        for section in &page.section {
            let _ = writeln!(out, "\n## {}", section.title);
            if !section.text.is_empty() {
                let _ = writeln!(out, "\n{}", self.links.text(&section.text, &page.file, ""));
            }
            for path in &section.items {
                let _ = write!(out, "\n### {}\n\n{}", shown(path), self.item(path, &page.file)?);
            }
            if section.codes {
                let _ = write!(out, "\n{}", self.codes(&page.file)?);
            }
        }
        Ok(out)
    }

    fn item(&self, path: &str, page: &str) -> Result<String, String> {
        let surface = self.from.surface;
        if let Some((of, call)) = path.split_once("::") {
            return self.call(&surface.items[of].calls[call], path, of, page);
        }
        let item = &surface.items[path];
        let docs = self.links.text(item.docs.as_deref().unwrap_or_default(), page, path);
        let names = Language::ALL.map(|l| l.type_name(surface, path));
        let mut out = String::new();
        if names[0] != names[1] {
            let _ = writeln!(out, "Kotlin: `{}`, Swift: `{}`.\n", names[0], names[1]);
        }
        match &item.what {
            What::Function(call) => return self.call(call, path, "", page),
            What::Object | What::Trait => {
                let _ = writeln!(out, "{docs}");
            }
            What::Alias(ty) => {
                let [kotlin, swift] = Language::ALL.map(|l| l.ty(surface, ty));
                let _ = writeln!(out, "{docs}\n\nA `{kotlin}` in Kotlin, a `{swift}` in Swift.");
            }
            What::Record(fields) => {
                let _ = writeln!(out, "{docs}\n\n{}", self.fields(fields, path, page)?);
            }
            What::Enum(variants) => {
                let _ = writeln!(out, "{docs}\n\n{}", self.variants(variants, path, page)?);
            }
        }
        Ok(out)
    }

    fn call(&self, call: &Call, path: &str, of: &str, page: &str) -> Result<String, String> {
        let surface = self.from.surface;
        let docs = self.links.text(call.docs.as_deref().unwrap_or_default(), page, path);
        let mut out = String::new();
        for language in Language::ALL {
            let _ = writeln!(out, "```{}", language.fence());
            if let Some(throws) = language.throws(surface, call) {
                let _ = writeln!(out, "{throws}");
            }
            let signature = language.call(surface, call, true)?;
            let _ = match (language, call.kind) {
                (Language::Kotlin, CallKind::Constructor) => {
                    writeln!(out, "{signature} // as {of}.{}(...)", camel(&call.name))
                }
                (Language::Swift, CallKind::Constructor) => writeln!(out, "static {signature}"),
                _ => writeln!(out, "{signature}"),
            };
            let _ = writeln!(out, "```");
        }
        Ok(format!("{out}\n{docs}\n{}", self.types_of(call, of, page)))
    }

    /// Where to read on: the types that a call takes and gives, but not the one that it is a call of.
    fn types_of(&self, call: &Call, of: &str, page: &str) -> String {
        let used = call.inputs.iter().map(|f| &f.ty).chain(&call.output).chain(&call.error).flat_map(Type::iter_types);
        let mut names: Vec<&str> = Vec::new();
        for name in used.filter_map(Type::name).filter(|name| *name != of) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        let links: Vec<_> = names.iter().map(|name| self.links.mention(name, true, page, "")).collect();
        if links.is_empty() { String::new() } else { format!("\nTypes: {}\n", links.join(", ")) }
    }

    /// A type in a table: as it is written, and leading to what is written about it.
    fn typed(&self, written: &str, ty: &Type, page: &str) -> String {
        match ty.iter_types().filter_map(Type::name).find_map(|name| self.links.places.get(name)) {
            Some((there, anchor)) if there == page => format!("[`{written}`](#{anchor})"),
            Some((there, anchor)) => format!("[`{written}`]({there}#{anchor})"),
            None => format!("`{written}`"),
        }
    }

    /// Fields, a line each. Their names are the same in both languages.
    fn fields(&self, fields: &[Field], of: &str, page: &str) -> Result<String, String> {
        let surface = self.from.surface;
        let mut out = "| field | Kotlin | Swift | |\n|---|---|---|---|\n".to_owned();
        for field in fields {
            let mut cells = Vec::new();
            for language in Language::ALL {
                let written = language.field(surface, field, true)?;
                cells.push(self.typed(written.split_once(": ").map_or("", |(_, ty)| ty), &field.ty, page));
            }
            let docs = self.links.cell(field.docs.as_deref().unwrap_or_default(), page, of)?;
            let _ = writeln!(out, "| `{}` | {} | {docs} |", camel(&field.name), cells.join(" | "));
        }
        Ok(out.trim_end().to_owned())
    }

    fn variants(&self, variants: &[Variant], of: &str, page: &str) -> Result<String, String> {
        let surface = self.from.surface;
        let (error, flat) = (surface.thrown.contains(of), variants.iter().all(|v| v.fields.is_empty()));
        let alike = error && !flat && variants.windows(2).all(|w| same(&w[0].fields, &w[1].fields));
        let mut out = "| Kotlin | Swift | |\n|---|---|---|\n".to_owned();
        for variant in variants {
            let mut spelt = Vec::new();
            for language in Language::ALL {
                let name = language.variant(error, flat, &variant.name);
                let short = language == Language::Swift && !error;
                let before = if short { String::new() } else { language.type_name(surface, of) };
                let fields = if alike { Vec::new() } else { language.fields(surface, &variant.fields, true)? };
                let fields = if fields.is_empty() { String::new() } else { format!("({})", fields.join(", ")) };
                spelt.push(format!("`{before}.{name}{fields}`"));
            }
            let mut docs = self.links.cell(variant.docs.as_deref().unwrap_or_default(), page, of)?;
            for field in variant.fields.iter().filter(|_| !alike) {
                let text = self.links.cell(field.docs.as_deref().unwrap_or_default(), page, of)?;
                let _ = write!(docs, "<br>`{}`: {text}", camel(&field.name));
            }
            if of == "ApiError" {
                let _ = write!(docs, "<br>Codes: {}", self.codes_of(&variant.name));
            }
            let _ = writeln!(out, "| {} | {} | {docs} |", spelt[0], spelt[1]);
        }
        match variants.first().filter(|_| alike) {
            Some(first) => Ok(format!("{out}\nEach carries:\n\n{}", self.fields(&first.fields, of, page)?)),
            None => Ok(out.trim_end().to_owned()),
        }
    }

    fn codes_of(&self, variant: &str) -> String {
        let wanted = format!("ApiError::{variant}");
        let codes = self.from.given.iter().filter(|(_, places)| places.contains(&wanted));
        codes.map(|(code, _)| format!("`{code}`")).collect::<Vec<_>>().join(", ")
    }

    fn codes(&self, page: &str) -> Result<String, String> {
        let mut out = "| code | arrives as | means, and what the app does |\n|---|---|---|\n".to_owned();
        for (code, text) in &self.from.explained.codes {
            let places = self.from.given.get(code).into_iter().flatten();
            let places: Vec<_> = places.map(|place| self.links.mention(place, true, page, "")).collect();
            let _ =
                writeln!(out, "| `{code}` | {} | {} |", places.join(", "), self.links.cell(text, page, "codes.toml")?);
        }
        Ok(out)
    }
}

fn same(a: &[Field], b: &[Field]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.name == b.name && a.ty == b.ty && a.docs == b.docs)
}
