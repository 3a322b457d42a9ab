//! The surface of the bindings, as the built library says it of itself.
//!
//! UniFFI writes what is exported into the library; this brings it into one order and refuses what the rest of the tool
//! would not know how to show, so that nothing is left out in silence. It says nothing of any foreign language.

use std::collections::{BTreeMap, BTreeSet};
use uniffi_meta::{DefaultValueMetadata, FieldMetadata, FnParamMetadata, Metadata, ObjectImpl, Type};

/// Everything that an app can name, by its name in Rust.
#[derive(Clone, Debug, Default)]
pub(crate) struct Surface {
    pub(crate) items: BTreeMap<String, Item>,
    /// Types that calls throw: Kotlin names them otherwise.
    pub(crate) thrown: BTreeSet<String>,
}

/// A function or a type.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    pub(crate) docs: Option<String>,
    pub(crate) what: What,
    /// Constructors and methods, by name.
    pub(crate) calls: BTreeMap<String, Call>,
}

/// What an item is.
#[derive(Clone, Debug)]
pub(crate) enum What {
    Function(Call),
    /// A class of the library.
    Object,
    /// An interface that the app may implement too.
    Trait,
    Record(Vec<Field>),
    /// Variants in their order, which is part of the binary form.
    Enum(Vec<Variant>),
    /// Another name for a simple type.
    Alias(Type),
}

/// Something that can be called.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) name: String,
    pub(crate) docs: Option<String>,
    pub(crate) kind: CallKind,
    pub(crate) is_async: bool,
    pub(crate) inputs: Vec<Field>,
    pub(crate) output: Option<Type>,
    pub(crate) error: Option<Type>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CallKind {
    Function,
    Constructor,
    Method,
}

/// A field or a parameter. UniFFI knows no documentation of parameters.
#[derive(Clone, Debug)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) docs: Option<String>,
    pub(crate) ty: Type,
    pub(crate) default: Option<DefaultValueMetadata>,
}

/// One case of an enum.
#[derive(Clone, Debug)]
pub(crate) struct Variant {
    pub(crate) name: String,
    pub(crate) docs: Option<String>,
    pub(crate) fields: Vec<Field>,
}

impl Surface {
    /// From what the library at `path` says.
    pub(crate) fn of_library(path: &str) -> Result<Self, String> {
        let bytes = std::fs::read(path).map_err(|e| format!("{path}: {e}"))?;
        let said = uniffi_bindgen::macro_metadata::extract_from_bytes(&bytes).map_err(|e| format!("{path}: {e:#}"))?;
        let surface = Self::of(said)?;
        if surface.items.is_empty() {
            return Err(format!("{path} exports nothing to UniFFI: is it the library?"));
        }
        Ok(surface)
    }

    /// From UniFFI's metadata.
    pub(crate) fn of(said: Vec<Metadata>) -> Result<Self, String> {
        let mut surface = Self::default();
        let mut calls: Vec<(String, Call)> = Vec::new();
        for one in said {
            match one {
                Metadata::Namespace(_) => {}
                Metadata::Func(f) => {
                    let call = Call {
                        name: f.name.clone(),
                        docs: f.docstring.clone(),
                        kind: CallKind::Function,
                        is_async: f.is_async,
                        inputs: f.inputs.into_iter().map(Field::parameter).collect(),
                        output: f.return_type,
                        error: f.throws,
                    };
                    surface.put(f.name, f.docstring, What::Function(call))?;
                }
                Metadata::Object(o) => {
                    let what = match o.imp {
                        ObjectImpl::Struct => What::Object,
                        ObjectImpl::Trait(kind) if kind.has_foreign() => What::Trait,
                        ObjectImpl::Trait(_) => return Err(unknown("trait that only Rust implements", &o.name)),
                    };
                    surface.put(o.name, o.docstring, what)?;
                }
                Metadata::Record(r) => {
                    let fields = r.fields.into_iter().map(Field::of).collect();
                    surface.put(r.name, r.docstring, What::Record(fields))?;
                }
                Metadata::Enum(e) => {
                    if e.shape == (uniffi_meta::EnumShape::Error { flat: true }) || e.discr_type.is_some() {
                        return Err(unknown("flat error, or enum with numbers of its own,", &e.name));
                    }
                    let variants = e.variants.into_iter().map(|v| Variant {
                        name: v.name,
                        docs: v.docstring,
                        fields: v.fields.into_iter().map(Field::of).collect(),
                    });
                    let variants = variants.collect();
                    surface.put(e.name, e.docstring, What::Enum(variants))?;
                }
                Metadata::CustomType(c) => surface.put(c.name, c.docstring, What::Alias(c.builtin))?,
                Metadata::Constructor(c) => {
                    let ty =
                        Type::Object { module_path: c.module_path, name: c.self_name.clone(), imp: ObjectImpl::Struct };
                    let call = Call {
                        name: c.name,
                        docs: c.docstring,
                        kind: CallKind::Constructor,
                        is_async: c.is_async,
                        inputs: c.inputs.into_iter().map(Field::parameter).collect(),
                        output: Some(ty),
                        error: c.throws,
                    };
                    calls.push((c.self_name, call));
                }
                Metadata::Method(m) => calls.push(Call::method(m)),
                Metadata::TraitMethod(m) => calls.push(Call::method(m.into())),
                Metadata::CallbackInterface(c) => return Err(unknown("callback interface", &c.name)),
                Metadata::UdlFile(u) => return Err(unknown("UDL file", &u.namespace)),
                Metadata::UniffiTrait(t) => return Err(unknown(&format!("exported {}", t.name()), t.self_name())),
                Metadata::ObjectTraitImpl(t) => return Err(unknown("trait of an object", &format!("{:?}", t.ty))),
            }
        }
        for (of, call) in calls {
            let item = surface.items.get_mut(&of).ok_or_else(|| format!("{of}.{} is a call of no type", call.name))?;
            item.calls.insert(call.name.clone(), call);
        }
        let thrown = surface.every_call().filter_map(|(_, call)| call.error.as_ref().and_then(Type::name));
        surface.thrown = thrown.map(str::to_owned).collect();
        Ok(surface)
    }

    fn put(&mut self, name: String, docs: Option<String>, what: What) -> Result<(), String> {
        let item = Item { docs, what, calls: BTreeMap::new() };
        match self.items.insert(name.clone(), item) {
            None => Ok(()),
            Some(_) => Err(format!("two exported things are called {name}")),
        }
    }

    /// Every call, with the name of the type that it is a call of.
    pub(crate) fn every_call(&self) -> impl Iterator<Item = (Option<&str>, &Call)> {
        self.items.iter().flat_map(|(name, item)| {
            let function = match &item.what {
                What::Function(call) => Some((None, call)),
                _ => None,
            };
            function.into_iter().chain(item.calls.values().map(move |call| (Some(name.as_str()), call)))
        })
    }

    /// What an app developer would find nothing written about, as lines to put right.
    pub(crate) fn holes(&self) -> Vec<String> {
        let mut holes = Vec::new();
        let mut look = |what: String, docs: &Option<String>| {
            if docs.as_deref().is_none_or(|docs| docs.trim().is_empty()) {
                holes.push(format!("{what} has no documentation: write `///` where it is declared"));
            }
        };
        for (name, item) in &self.items {
            look(name.clone(), &item.docs);
            for call in item.calls.values() {
                look(format!("{name}::{}", call.name), &call.docs);
            }
            match &item.what {
                What::Record(fields) => fields.iter().for_each(|f| look(format!("{name}::{}", f.name), &f.docs)),
                What::Enum(variants) => {
                    for variant in variants {
                        look(format!("{name}::{}", variant.name), &variant.docs);
                        for field in &variant.fields {
                            look(format!("{name}::{}::{}", variant.name, field.name), &field.docs);
                        }
                    }
                }
                What::Function(_) | What::Object | What::Trait | What::Alias(_) => {}
            }
        }
        for (of, call) in self.every_call() {
            let docs = call.docs.as_deref().unwrap_or_default();
            if call.error.is_some() && !docs.lines().any(|line| line.trim() == "# Errors") {
                let of = of.map(|of| format!("{of}::")).unwrap_or_default();
                holes.push(format!("{of}{} can fail and does not say how: write a section `# Errors`", call.name));
            }
        }
        holes
    }
}

impl Call {
    fn method(m: uniffi_meta::MethodMetadata) -> (String, Self) {
        let call = Self {
            name: m.name,
            docs: m.docstring,
            kind: CallKind::Method,
            is_async: m.is_async,
            inputs: m.inputs.into_iter().map(Field::parameter).collect(),
            output: m.return_type,
            error: m.throws,
        };
        (m.self_name, call)
    }
}

impl Field {
    fn of(f: FieldMetadata) -> Self {
        Self { name: f.name, docs: f.docstring, ty: f.ty, default: f.default }
    }

    fn parameter(p: FnParamMetadata) -> Self {
        Self { name: p.name, docs: None, ty: p.ty, default: p.default }
    }
}

fn unknown(what: &str, name: &str) -> String {
    format!("{name} is a {what} and the reference does not know how to show that: teach it (bindings/generate)")
}
