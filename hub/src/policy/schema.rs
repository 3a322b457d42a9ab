//! The JSON Schema of a policy as people write it: made from the structs that read it, so that the two cannot part.

use crate::HubError;
use beatcheck_wire::policy::Policy;
use serde_json::{Value, json};

/// Fields that may be left out where a policy is written, although the signed form always has them.
const SET_BY_THE_HUB: [&str; 3] = ["format", "policy_version", "issued"];

/// The JSON Schema (2020-12) of a policy: what an editor checks while one is written.
///
/// # Errors
/// [`HubError::Refused`] if it cannot be written as JSON.
pub fn policy_schema() -> Result<String, HubError> {
    let mut schema = schemars::schema_for!(Policy).to_value();
    close(&mut schema);
    if let Some(Value::Array(required)) = schema.get_mut("required") {
        required.retain(|r| !r.as_str().is_some_and(|r| SET_BY_THE_HUB.contains(&r)));
    }
    schema["title"] = json!("Beatcheck policy");
    schema["description"] = json!(
        "A policy as it is written, before it is signed. What each field does stands in docs/policy.md. A field that is \
         not known is refused."
    );
    let mut text = serde_json::to_string_pretty(&schema).map_err(|e| HubError::Refused(e.to_string()))?;
    text.push('\n');
    Ok(text)
}

/// No field but those that are known.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            if fields.contains_key("properties") && !fields.contains_key("additionalProperties") {
                fields.insert("additionalProperties".into(), json!(false));
            }
            fields.values_mut().for_each(close);
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}
