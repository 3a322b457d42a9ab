//! A small surface, and everything that can be wrong about it: each fault is put in and must be found.

use crate::codes::{Explained, Given};
use crate::held::Generated;
use crate::language::Language;
use crate::pages::{self, Sources};
use crate::snapshot;
use crate::source::Source;
use crate::surface::Surface;
use std::path::Path;
use uniffi_meta::{
    DefaultValueMetadata, EnumMetadata, EnumShape, FieldMetadata, FnMetadata, FnParamMetadata, LiteralMetadata,
    Metadata, MethodMetadata, ObjectImpl, ObjectMetadata, RecordMetadata, Type, VariantMetadata,
};

const HERE: &str = "lib";

fn record(name: &str) -> Type {
    Type::Record { module_path: HERE.into(), name: name.into() }
}

fn error() -> Type {
    Type::Enum { module_path: HERE.into(), name: "ApiError".into() }
}

fn field(name: &str, ty: Type, docs: Option<&str>) -> FieldMetadata {
    let optional = matches!(ty, Type::Optional { .. });
    let default = optional.then_some(DefaultValueMetadata::Literal(LiteralMetadata::None));
    FieldMetadata { name: name.into(), orig_name: None, ty, default, docstring: docs.map(str::to_owned) }
}

/// A record `Why`, an error, an object `Device` with a method, and a function.
fn sound() -> Vec<Metadata> {
    let text = Type::Optional { inner_type: Box::new(Type::String) };
    vec![
        Metadata::Record(RecordMetadata {
            module_path: HERE.into(),
            name: "Why".into(),
            orig_name: None,
            remote: false,
            fields: vec![field("purpose", Type::String, Some("What for.")), field("in_words", text, Some("More."))],
            docstring: Some("Why it is asked.".into()),
        }),
        Metadata::Enum(EnumMetadata {
            module_path: HERE.into(),
            name: "ApiError".into(),
            orig_name: None,
            shape: EnumShape::Error { flat: false },
            remote: false,
            variants: vec![VariantMetadata {
                name: "Locked".into(),
                orig_name: None,
                discr: None,
                fields: vec![field("code", Type::String, Some("Stable."))],
                docstring: Some("Unlock.".into()),
            }],
            discr_type: None,
            non_exhaustive: false,
            docstring: Some("What went wrong.".into()),
        }),
        Metadata::Object(ObjectMetadata {
            module_path: HERE.into(),
            name: "Device".into(),
            orig_name: None,
            remote: false,
            imp: ObjectImpl::Struct,
            docstring: Some("A device.".into()),
        }),
        Metadata::Method(MethodMetadata {
            module_path: HERE.into(),
            self_name: "Device".into(),
            name: "check_it".into(),
            orig_name: None,
            is_async: false,
            inputs: vec![FnParamMetadata::simple("the_why", record("Why"))],
            return_type: Some(Type::UInt64),
            throws: Some(error()),
            takes_self_by_arc: false,
            checksum: None,
            docstring: Some("Checks for `the_why`.\n\n# Errors\n[`ApiError::Locked`]; see [`version`].".into()),
        }),
        Metadata::Func(FnMetadata {
            module_path: HERE.into(),
            name: "version".into(),
            orig_name: None,
            is_async: false,
            inputs: Vec::new(),
            return_type: Some(Type::String),
            throws: None,
            checksum: None,
            docstring: Some("Which.".into()),
        }),
    ]
}

fn surface() -> Surface {
    Surface::of(sound()).unwrap()
}

/// With another type for the method's parameter.
fn changed() -> Surface {
    let mut said = sound();
    for one in &mut said {
        if let Metadata::Method(m) = one {
            m.inputs[0].ty = Type::String;
        }
    }
    Surface::of(said).unwrap()
}

/// Without documentation of a field.
fn holed() -> Surface {
    let mut said = sound();
    for one in &mut said {
        if let Metadata::Record(r) = one {
            r.fields[1].docstring = Some("  ".into());
        }
    }
    Surface::of(said).unwrap()
}

#[test]
fn a_hole_is_found_and_the_source_fills_it() {
    assert!(surface().holes().is_empty());
    let mut holed = holed();
    assert_eq!(holed.holes().len(), 1);
    assert!(holed.holes()[0].starts_with("Why::in_words has no documentation"));

    let mut other = Source::default();
    other.add("/// Another one.\npub struct Why {\n    /// Elsewhere.\n    pub in_words: String,\n}").unwrap();
    other.fill(&mut holed).unwrap();
    assert_eq!(holed.holes().len(), 1, "a type of that name with other fields is another type");

    let mut source = Source::default();
    source
        .add("mod a { /// Why.\npub struct Why { /// For.\npub purpose: String, /// Words.\npub in_words: String } }")
        .unwrap();
    source.fill(&mut holed).unwrap();
    assert!(holed.holes().is_empty());
}

#[test]
fn a_call_that_fails_without_saying_how_is_found() {
    let mut said = sound();
    for one in &mut said {
        if let Metadata::Method(m) = one {
            m.docstring = Some("Checks.".into());
        }
    }
    let holes = Surface::of(said).unwrap().holes();
    assert_eq!(holes.len(), 1);
    assert!(holes[0].starts_with("Device::check_it can fail"));
}

#[test]
fn a_changed_signature_is_another_snapshot() {
    let before = snapshot::text(&surface());
    let after = snapshot::text(&changed());
    let differ: Vec<_> = before.lines().zip(after.lines()).filter(|(a, b)| a != b).collect();
    assert_eq!(
        differ,
        [(
            "object Device method check_it(the_why: Why) -> u64 throws ApiError",
            "object Device method check_it(the_why: string) -> u64 throws ApiError"
        )]
    );
    assert!(before.contains("record Why field in_words: string? = none"), "{before}");
}

#[test]
fn the_order_of_fields_is_part_of_the_surface() {
    let mut said = sound();
    for one in &mut said {
        if let Metadata::Record(r) = one {
            r.fields.reverse();
        }
    }
    assert_ne!(snapshot::text(&surface()), snapshot::text(&Surface::of(said).unwrap()));
}

const KOTLIN: &str = "
package org.example.lib
public interface DeviceInterface {
    /** Checks. */
    fun `checkIt`(`theWhy`: Why): kotlin.ULong
}
open class Device {
    @Throws(ApiException::class)override fun `checkIt`(`theWhy`: Why): kotlin.ULong {
            return FfiConverterULong.lift(
}
data class Why (
    /**
     * What for.
     */
    var `purpose`: kotlin.String
    ,
    var `inWords`: kotlin.String? = null

){
sealed class ApiException: kotlin.Exception() {
    class Locked(
        val `code`: kotlin.String
        ) : ApiException() {
} fun `version`(): kotlin.String {
";
const SWIFT: &str = "
public protocol DeviceProtocol { func checkIt(theWhy: Why) throws  -> UInt64 }
open func checkIt(theWhy: Why)throws  -> UInt64  {
public struct Why: Equatable {
    public init(
        /**
         * What for.
         */purpose: String, inWords: String? = nil) {
enum ApiError: Swift.Error { case Locked(code: String
    )
public func version() -> String  {
";

#[test]
fn what_the_generated_code_does_not_have_is_found() {
    let none: [String; 0] = [];
    for (language, code) in [(Language::Kotlin, KOTLIN), (Language::Swift, SWIFT)] {
        let generated = Generated::of(language, code);
        assert_eq!(generated.lacks(&surface()).unwrap(), none);
        assert!(!generated.lacks(&changed()).unwrap().is_empty(), "{language:?}: a parameter's type");
        for (with, without) in
            [("checkIt", "checkThat"), ("String? =", "String ="), ("Locked(", "Unlocked("), ("ersion", "ersions")]
        {
            let other = Generated::of(language, &code.replace(with, without));
            assert!(!other.lacks(&surface()).unwrap().is_empty(), "{language:?}: {without}");
        }
    }
    assert_eq!(Generated::of(Language::Kotlin, KOTLIN).package.as_deref(), Some("org.example.lib"));
}

const LAYOUT: &str = r#"
title = "All"
text = "In {package}."
[[page]]
file = "device.md"
title = "The device"
text = "See [`Why`]."
section = [{ title = "Ask", items = ["Device", "Device::check_it", "Why"] }]
[[page]]
file = "errors.md"
title = "Errors"
text = ""
section = [{ title = "The error", items = ["ApiError"] }, { title = "Other", items = ["version"], codes = true }]
"#;

fn written(layout: &str) -> Result<std::collections::BTreeMap<String, String>, Vec<String>> {
    let (surface, mut explained, mut given) = (surface(), Explained::default(), Given::new());
    explained.codes.insert("pin".into(), "ask, as [`Device::check_it`] says".into());
    given.entry("pin".into()).or_default().insert("ApiError::Locked".into());
    let sources = Sources {
        surface: &surface,
        explained: &explained,
        given: &given,
        package: "org.example.lib",
        root: Path::new(env!("CARGO_MANIFEST_DIR")),
    };
    pages::write(layout, &sources)
}

#[test]
fn pages_show_both_languages_and_lead_to_each_other() {
    let pages = written(LAYOUT).unwrap();
    let device = &pages["device.md"];
    for wanted in [
        "See [`Why`](#why).",
        "### Device.checkIt\n\n```kotlin\n@Throws(ApiException::class)\nfun checkIt(theWhy: Why): ULong\n```",
        "```swift\nfunc checkIt(theWhy: Why) throws -> UInt64\n```",
        "Checks for `theWhy`.\n\n**Errors.** [`ApiError.Locked`](errors.md#apierror); see [`version`](errors.md#version).",
        "Types: [`Why`](#why), [`ApiError`](errors.md#apierror)",
        "| `inWords` | `String? = null` | `String? = nil` | More. |",
    ] {
        assert!(device.contains(wanted), "{wanted}\n---\n{device}");
    }
    let errors = &pages["errors.md"];
    for wanted in [
        "Kotlin: `ApiException`, Swift: `ApiError`.",
        "| `ApiException.Locked` | `ApiError.Locked` | Unlock.<br>Codes: `pin` |",
        "| `pin` | [`ApiError.Locked`](#apierror) | ask, as [`Device.checkIt`](device.md#devicecheckit) says |",
    ] {
        assert!(errors.contains(wanted), "{wanted}\n---\n{errors}");
    }
    assert!(pages["README.md"].contains("In org.example.lib."));
}

#[test]
fn what_stands_on_no_page_or_on_two_is_found() {
    for (with, without, said) in [
        (r#", "Why""#, "", "Why stands on no page"),
        (r#""Device::check_it""#, r#""Device::gone""#, "Device::gone, which the library does not export"),
        (r#""version""#, r#""version", "Why""#, "Why twice"),
    ] {
        let problems = written(&LAYOUT.replace(with, without)).unwrap_err().join("\n");
        assert!(problems.contains(said), "{problems}");
    }
}
