//! How UniFFI writes the surface in Kotlin and in Swift.
//!
//! These are the rules of its templates once more, since it offers no single declaration to take over. They are not
//! trusted: [`crate::held`] looks each declaration up in the code that UniFFI really generates.

use crate::surface::{Call, Field, Surface};
use heck::{ToLowerCamelCase, ToShoutySnakeCase, ToUpperCamelCase};
use uniffi_meta::{DefaultValueMetadata, LiteralMetadata, Type};

/// A language of apps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Language {
    Kotlin,
    Swift,
}

/// How a function's, method's, variable's, field's name is written in both.
pub(crate) fn camel(name: &str) -> String {
    name.to_lower_camel_case()
}

impl Language {
    /// In the order in which they are shown.
    pub(crate) const ALL: [Self; 2] = [Self::Kotlin, Self::Swift];

    /// What Markdown calls it.
    pub(crate) fn fence(self) -> &'static str {
        match self {
            Self::Kotlin => "kotlin",
            Self::Swift => "swift",
        }
    }

    /// Name of a type.
    pub(crate) fn type_name(self, surface: &Surface, name: &str) -> String {
        let upper = name.to_upper_camel_case();
        match upper.strip_suffix("Error") {
            Some(stem) if self == Self::Kotlin && surface.thrown.contains(name) => format!("{stem}Exception"),
            _ => upper,
        }
    }

    /// A type where it is used.
    pub(crate) fn ty(self, surface: &Surface, ty: &Type) -> String {
        let kotlin = self == Self::Kotlin;
        let simple = |k: &str, s: &str| if kotlin { k.to_owned() } else { s.to_owned() };
        match ty {
            Type::UInt8 => simple("UByte", "UInt8"),
            Type::Int8 => simple("Byte", "Int8"),
            Type::UInt16 => simple("UShort", "UInt16"),
            Type::Int16 => simple("Short", "Int16"),
            Type::UInt32 => simple("UInt", "UInt32"),
            Type::Int32 => simple("Int", "Int32"),
            Type::UInt64 => simple("ULong", "UInt64"),
            Type::Int64 => simple("Long", "Int64"),
            Type::Float32 => simple("Float", "Float"),
            Type::Float64 => simple("Double", "Double"),
            Type::Boolean => simple("Boolean", "Bool"),
            Type::String => simple("String", "String"),
            Type::Bytes => simple("ByteArray", "Data"),
            Type::Timestamp => simple("java.time.Instant", "Date"),
            Type::Duration => simple("java.time.Duration", "TimeInterval"),
            Type::Object { name, .. }
            | Type::Record { name, .. }
            | Type::Enum { name, .. }
            | Type::CallbackInterface { name, .. }
            | Type::Custom { name, .. } => self.type_name(surface, name),
            Type::Box { inner_type } => self.ty(surface, inner_type),
            Type::Optional { inner_type } => format!("{}?", self.ty(surface, inner_type)),
            Type::Sequence { inner_type } => {
                let inner = self.ty(surface, inner_type);
                if kotlin { format!("List<{inner}>") } else { format!("[{inner}]") }
            }
            Type::Set { inner_type } => format!("Set<{}>", self.ty(surface, inner_type)),
            Type::Map { key_type, value_type } => {
                let (key, value) = (self.ty(surface, key_type), self.ty(surface, value_type));
                if kotlin { format!("Map<{key}, {value}>") } else { format!("[{key}: {value}]") }
            }
        }
    }

    /// A variant's name, without that of its type.
    pub(crate) fn variant(self, error: bool, flat: bool, name: &str) -> String {
        match self {
            Self::Kotlin if !error && flat => name.to_shouty_snake_case(),
            Self::Kotlin => name.to_upper_camel_case(),
            Self::Swift if error => name.to_upper_camel_case(),
            Self::Swift => name.to_lower_camel_case(),
        }
    }

    /// A field or parameter, with its default if `defaults`.
    pub(crate) fn field(self, surface: &Surface, field: &Field, defaults: bool) -> Result<String, String> {
        let ty = self.ty(surface, &field.ty);
        let default = match &field.default {
            Some(value) if defaults => format!(" = {}", self.default(value, &field.ty, &field.name)?),
            _ => String::new(),
        };
        Ok(format!("{}: {ty}{default}", camel(&field.name)))
    }

    /// Fields or parameters, separated by commas.
    pub(crate) fn fields(self, surface: &Surface, fields: &[Field], defaults: bool) -> Result<Vec<String>, String> {
        fields.iter().map(|f| self.field(surface, f, defaults)).collect()
    }

    /// From `fun` or `func` to the result. In more lines than one where it would be too long for a page.
    pub(crate) fn call(self, surface: &Surface, call: &Call, defaults: bool) -> Result<String, String> {
        let name = camel(&call.name);
        let inputs = self.fields(surface, &call.inputs, defaults)?;
        let output = call.output.as_ref().map(|ty| self.ty(surface, ty));
        let (word, after) = match self {
            Self::Kotlin => {
                let word = if call.is_async { "suspend fun" } else { "fun" };
                (word, output.map(|ty| format!(": {ty}")).unwrap_or_default())
            }
            Self::Swift => {
                let is_async = if call.is_async { " async" } else { "" };
                let throws = if call.error.is_some() { " throws" } else { "" };
                ("func", format!("{is_async}{throws}{}", output.map(|ty| format!(" -> {ty}")).unwrap_or_default()))
            }
        };
        let line = format!("{word} {name}({}){after}", inputs.join(", "));
        if line.len() <= 100 {
            return Ok(line);
        }
        Ok(format!("{word} {name}(\n    {}\n){after}", inputs.join(",\n    ")))
    }

    /// What Kotlin says of errors before a call.
    pub(crate) fn throws(self, surface: &Surface, call: &Call) -> Option<String> {
        let error = call.error.as_ref().filter(|_| self == Self::Kotlin)?;
        Some(format!("@Throws({}::class)", self.ty(surface, error)))
    }

    fn default(self, value: &DefaultValueMetadata, ty: &Type, name: &str) -> Result<String, String> {
        let kotlin = self == Self::Kotlin;
        let inner = match ty {
            Type::Optional { inner_type } => inner_type,
            other => other,
        };
        let DefaultValueMetadata::Literal(literal) = value else {
            return Err(format!("{name} has an unnamed default: the reference can show only literals"));
        };
        Ok(match literal {
            LiteralMetadata::Boolean(b) => b.to_string(),
            LiteralMetadata::String(s) => format!("\"{s}\""),
            LiteralMetadata::None => (if kotlin { "null" } else { "nil" }).into(),
            LiteralMetadata::EmptySequence => (if kotlin { "listOf()" } else { "[]" }).into(),
            LiteralMetadata::Some { inner: value } => self.default(value, inner, name)?,
            LiteralMetadata::UInt(n, ..) if !kotlin => n.to_string(),
            LiteralMetadata::Int(n, ..) if !kotlin => n.to_string(),
            LiteralMetadata::UInt(n, ..) => match inner {
                Type::UInt64 => format!("{n}uL"),
                Type::UInt8 | Type::UInt16 | Type::UInt32 => format!("{n}u"),
                Type::Int64 => format!("{n}L"),
                _ => n.to_string(),
            },
            LiteralMetadata::Int(n, ..) => match inner {
                Type::Int64 => format!("{n}L"),
                _ => n.to_string(),
            },
            other => return Err(format!("{name} has the default {other:?}, which the reference cannot show yet")),
        })
    }
}
