//! Business keys: the fields of an event by which people know what it is about.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::Value;

/// Follows the name of a list: `lines[].sku` is the `sku` of each line.
pub(crate) const EACH: &str = "[]";

/// A field of an event that names something people ask for: an order, a cart, a tracking number.
///
/// `ballet sagas show order=...` finds a saga by its keys. Fields of several events that name the same
/// thing declare the same key.
///
/// ```
/// use ballet_core::event;
///
/// /// The carrier will collect the order's parcel.
/// #[event(
///     "shipping.shipment_scheduled.v1",
///     in_saga,
///     keys(order = order_id, shipment = shipment_id.made_here())
/// )]
/// struct ShipmentScheduled {
///     order_id: String,
///     shipment_id: String,
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Key {
    name: &'static str,
    field: &'static str,
    made_here: bool,
}

impl Key {
    /// The key of this name is in this field: `order_id`, `total.account`, or in each item of a list,
    /// `lines[].sku`. The field holds text, a UUID or a number.
    #[must_use]
    pub const fn of(name: &'static str, field: &'static str) -> Self {
        Self { name, field, made_here: false }
    }

    /// The service makes the key with this event, so no value of it was there before. A replay with
    /// new ids gives such keys new values. All other keys name what is there already.
    #[must_use]
    pub const fn made_here(self) -> Self {
        Self { made_here: true, ..self }
    }

    /// The key's name: `order`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The field: `order_id`.
    #[must_use]
    pub const fn field(&self) -> &'static str {
        self.field
    }

    /// Whether the service makes the key with this event.
    #[must_use]
    pub const fn is_made_here(&self) -> bool {
        self.made_here
    }

    /// The values of the key in a body, numbers as text. Empty if the body has none.
    #[must_use]
    pub fn values<'a>(&self, body: &'a Value) -> Vec<Cow<'a, str>> {
        let mut found = vec![body];
        for part in self.field.split('.') {
            let (name, is_list) = match part.strip_suffix(EACH) {
                Some(name) => (name, true),
                None => (part, false),
            };
            let below = found.into_iter().filter_map(|value| value.get(name));
            found = if is_list {
                below.filter_map(Value::as_array).flatten().collect()
            } else {
                below.collect()
            };
        }
        let text = |value: &'a Value| match value {
            Value::String(text) => Some(Cow::from(text.as_str())),
            Value::Number(number) => Some(Cow::from(number.to_string())),
            _ => None,
        };
        found.into_iter().filter_map(text).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_key_is_read_from_its_field() {
        let body = json!({
            "order_id": "A", "number": 7, "total": { "account": "x" }, "tags": ["t", "u"],
            "lines": [{ "sku": "mug" }, { "sku": null }, { "sku": "pot" }],
        });
        for (field, expected) in [
            ("order_id", &["A"][..]),
            ("number", &["7"]),
            ("total.account", &["x"]),
            ("lines[].sku", &["mug", "pot"]),
            ("tags[]", &["t", "u"]),
            ("lines", &[]),
            ("lines.sku", &[]),
            ("total[].account", &[]),
            ("cart_id", &[]),
        ] {
            assert_eq!(Key::of("key", field).values(&body), expected, "{field}");
        }
    }
}
