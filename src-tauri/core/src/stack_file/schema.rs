//! The JSON Schema of stack files, for editors.

use schemars::{Schema, generate::SchemaSettings, transform::RecursiveTransform};
use serde_json::{Value, json};

use super::tables::StackTable;

/// Returns the schema of a stack file, generated from the types that read it.
#[must_use]
pub fn json_schema() -> Value {
    let generator = SchemaSettings::draft07()
        .with_transform(RecursiveTransform(without_null))
        .into_generator();
    let mut schema = generator.into_root_schema_for::<StackTable>();
    schema.insert("title".to_owned(), json!("A Pilot Light stack file"));
    schema.to_value()
}

/// Removes null from the schema: TOML has none, and an optional key is left out.
fn without_null(schema: &mut Schema) {
    if let Some(Value::Array(types)) = schema.get_mut("type") {
        types.retain(|kind| kind != "null");
        if let [only] = &types[..] {
            let only = only.clone();
            schema.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::Array(forms)) = schema.get_mut("anyOf") {
        forms.retain(|form| form != &json!({ "type": "null" }));
        if let [only] = &forms[..] {
            let only = only.clone();
            schema.remove("anyOf");
            if let Value::Object(only) = only {
                // A description next to a reference is more specific than the referenced one.
                for (key, value) in only {
                    if schema.get(&key).is_none() {
                        schema.insert(key, value);
                    }
                }
            }
        }
    }
}
