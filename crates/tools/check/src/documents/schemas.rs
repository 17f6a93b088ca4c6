//! Each event's JSON Schema in a file, for validators and code generators of any language.

use ballet_core::EventType;
use ballet_core::portable::make_portable;
use schemars::Schema;
use serde_json::Value;

/// Returns the text of an event's file, which refers to nothing outside, and has the keywords and formats
/// of standards alone.
#[must_use]
pub fn text(system: &str, event: EventType, schema: &Schema) -> String {
    let mut schema = schema.clone().to_value();
    make_portable(&mut schema);
    if let Value::Object(fields) = &mut schema {
        fields.insert("$id".to_owned(), id(system, event).into());
        fields.insert("title".to_owned(), event.name().into());
    }
    // A map's order depends on how serde_json was built.
    schema.sort_all_objects();
    format!("{schema:#}\n")
}

/// A name, not an address.
fn id(system: &str, event: EventType) -> String {
    format!("urn:ballet:{system}:{event}")
}
