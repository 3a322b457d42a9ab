//! The surface as text, one line for each thing that an app can name: what a review of a change looks at.
//!
//! Types stand in the order of their names and their calls likewise. Fields and variants stand in their own order: it is
//! part of the binary form and of a Kotlin constructor, so a change of it is a change of the surface.

use crate::surface::{Call, CallKind, Field, Surface, What};
use std::fmt::Write as _;
use uniffi_meta::{DefaultValueMetadata, LiteralMetadata, Type};

const HEAD: &str = "\
# The surface of the bindings: what Kotlin, Swift and Python can name, in the words of the Rust side.
# Written by `cargo xtask api --write` from the built library, and compared by `cargo xtask check`. A line that goes or
# changes breaks apps; a new field of a record that apps make needs a default.

";

/// The whole snapshot.
pub(crate) fn text(surface: &Surface) -> String {
    let mut out = HEAD.to_owned();
    for (name, item) in &surface.items {
        let kind = match &item.what {
            What::Function(call) => {
                line(&mut out, &format!("function {}", signature(call)));
                continue;
            }
            What::Object => "object",
            What::Trait => "interface",
            What::Record(_) => "record",
            What::Enum(_) if surface.thrown.contains(name) => "error",
            What::Enum(_) => "enum",
            What::Alias(ty) => {
                line(&mut out, &format!("type {name} = {}", type_name(ty)));
                continue;
            }
        };
        line(&mut out, &format!("{kind} {name}"));
        match &item.what {
            What::Record(fields) => {
                for f in fields {
                    line(&mut out, &format!("{kind} {name} field {}", field(f)));
                }
            }
            What::Enum(variants) => {
                for v in variants {
                    let fields: Vec<_> = v.fields.iter().map(field).collect();
                    let fields =
                        if fields.is_empty() { String::new() } else { format!(" {{ {} }}", fields.join(", ")) };
                    line(&mut out, &format!("{kind} {name} variant {}{fields}", v.name));
                }
            }
            _ => {}
        }
        for call in item.calls.values() {
            let what = if call.kind == CallKind::Constructor { "constructor" } else { "method" };
            line(&mut out, &format!("{kind} {name} {what} {}", signature(call)));
        }
    }
    out
}

fn line(out: &mut String, line: &str) {
    let _ = writeln!(out, "{line}");
}

fn signature(call: &Call) -> String {
    let before = if call.is_async { "async " } else { "" };
    let inputs: Vec<_> = call.inputs.iter().map(field).collect();
    let output = call.output.as_ref().map(|ty| format!(" -> {}", type_name(ty))).unwrap_or_default();
    let error = call.error.as_ref().map(|ty| format!(" throws {}", type_name(ty))).unwrap_or_default();
    format!("{before}{}({}){output}{error}", call.name, inputs.join(", "))
}

fn field(field: &Field) -> String {
    let default = field.default.as_ref().map(|d| format!(" = {}", default(d))).unwrap_or_default();
    let name = if field.name.is_empty() { String::new() } else { format!("{}: ", field.name) };
    format!("{name}{}{default}", type_name(&field.ty))
}

fn default(value: &DefaultValueMetadata) -> String {
    match value {
        DefaultValueMetadata::Default => "default".into(),
        DefaultValueMetadata::Literal(literal) => match literal {
            LiteralMetadata::Boolean(b) => b.to_string(),
            LiteralMetadata::String(s) => format!("{s:?}"),
            LiteralMetadata::UInt(n, ..) => n.to_string(),
            LiteralMetadata::Int(n, ..) => n.to_string(),
            LiteralMetadata::Float(n, _) => n.clone(),
            LiteralMetadata::Enum(name, _) => name.clone(),
            LiteralMetadata::EmptySequence => "[]".into(),
            LiteralMetadata::EmptyMap | LiteralMetadata::EmptySet => "{}".into(),
            LiteralMetadata::None => "none".into(),
            LiteralMetadata::Some { inner } => default(inner),
        },
    }
}

/// A type in the words of no language in particular.
fn type_name(ty: &Type) -> String {
    match ty {
        Type::UInt8 => "u8".into(),
        Type::Int8 => "i8".into(),
        Type::UInt16 => "u16".into(),
        Type::Int16 => "i16".into(),
        Type::UInt32 => "u32".into(),
        Type::Int32 => "i32".into(),
        Type::UInt64 => "u64".into(),
        Type::Int64 => "i64".into(),
        Type::Float32 => "f32".into(),
        Type::Float64 => "f64".into(),
        Type::Boolean => "bool".into(),
        Type::String => "string".into(),
        Type::Bytes => "bytes".into(),
        Type::Timestamp => "instant".into(),
        Type::Duration => "duration".into(),
        Type::Object { name, .. }
        | Type::Record { name, .. }
        | Type::Enum { name, .. }
        | Type::CallbackInterface { name, .. }
        | Type::Custom { name, .. } => name.clone(),
        Type::Box { inner_type } => type_name(inner_type),
        Type::Optional { inner_type } => format!("{}?", type_name(inner_type)),
        Type::Sequence { inner_type } => format!("[{}]", type_name(inner_type)),
        Type::Set { inner_type } => format!("set<{}>", type_name(inner_type)),
        Type::Map { key_type, value_type } => format!("map<{}, {}>", type_name(key_type), type_name(value_type)),
    }
}
