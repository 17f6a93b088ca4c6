//! The JSON Schema of each event in a separate file, for validators and code generators of any language.

use ballet_core::EventType;
use schemars::Schema;
use serde_json::Value;

/// Returns the text of an event's file, which refers to nothing outside of it.
#[must_use]
pub fn text(system: &str, event: EventType, schema: &Schema) -> String {
    let mut schema = schema.clone().to_value();
    if let Value::Object(fields) = &mut schema {
        fields.insert("$id".to_owned(), id(system, event).into());
        fields.insert("title".to_owned(), event.name().into());
    }
    // The order of a map depends on how serde_json was built.
    schema.sort_all_objects();
    format!("{schema:#}\n")
}

/// Returns the schema's id, which is a name and not an address.
fn id(system: &str, event: EventType) -> String {
    format!("urn:ballet:{system}:{event}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_file_names_its_event_and_holds_its_definitions() {
        let schema = json!({ "title": "CheckedOut", "$defs": { "Money": { "type": "integer" } },
            "properties": { "total": { "$ref": "#/$defs/Money" } } });
        let schema = Schema::try_from(schema).expect("a schema");
        let text = text("shop", EventType::plain("cart.checked_out.v1"), &schema);
        let read: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(read["$id"], "urn:ballet:shop:cart.checked_out.v1");
        assert_eq!(read["title"], "cart.checked_out.v1");
        assert_eq!(read["$defs"]["Money"]["type"], "integer");
        assert!(text.starts_with("{\n  \"$defs\"") && text.ends_with("}\n"), "{text}");
    }
}
