//! Restores the masked values of an edited body. Those of a list that was edited are to be typed.

use serde_json::Value;

use crate::pages::body::MASK;

/// A value of the old body, and the same value as it was shown, with masks.
type OldValue<'a> = (&'a Value, &'a Value);

/// Restores the old values in place of masks. Fails with the place of a mask that has no certain value.
pub(crate) fn put_back(
    new: &mut Value,
    old: Option<OldValue<'_>>,
    path: &str,
) -> Result<(), String> {
    if *new == MASK {
        let no_value = || format!("{path} has a mask, and the old body has no value there");
        *new = old.map(|(value, _)| value.clone()).ok_or_else(no_value)?;
        return Ok(());
    }
    match new {
        Value::Object(fields) => fields.iter_mut().try_for_each(|(name, field)| {
            let old = old.and_then(|(value, shown)| value.get(name).zip(shown.get(name)));
            put_back(field, old, &format!("{path}.{name}"))
        }),
        // Masks look alike: in a list that was edited none is certain.
        Value::Array(items) if items.iter().any(has_mask) => {
            let kept = old.filter(|(_, shown)| *new == **shown);
            let changed = || {
                format!("{path} has a mask, and the list has changed: type the values of its items")
            };
            *new = kept.map(|(value, _)| value.clone()).ok_or_else(changed)?;
            Ok(())
        }
        _ => Ok(()),
    }
}

fn has_mask(value: &Value) -> bool {
    match value {
        Value::Object(fields) => fields.values().any(has_mask),
        Value::Array(items) => items.iter().any(has_mask),
        _ => *value == MASK,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_mask_in_a_field_gets_its_value_or_none() {
        let old = json!({ "name": "Ada", "guests": [{ "mail": "m" }] });
        let shown = json!({ "name": MASK, "guests": [{ "mail": MASK }] });
        let mut new = json!({ "name": MASK, "guests": [{ "mail": MASK }], "total": 8 });
        assert_eq!(put_back(&mut new, Some((&old, &shown)), "body"), Ok(()));
        assert_eq!(new, json!({ "name": "Ada", "guests": [{ "mail": "m" }], "total": 8 }));
        let mut more = json!({ "name": MASK, "more": MASK });
        assert_eq!(
            put_back(&mut more, Some((&old, &shown)), "body"),
            Err("body.more has a mask, and the old body has no value there".to_owned())
        );
    }

    #[test]
    fn masks_in_a_list_get_their_values_only_if_nothing_in_it_was_edited() {
        let with = |mail: &str, seats| json!({ "mail": mail, "seats": seats });
        let (old, shown) = (
            json!({ "guests": [with("ada", 1), with("eve", 2)], "total": 3 }),
            json!({ "guests": [with(MASK, 1), with(MASK, 2)], "total": 3 }),
        );
        let edited = |guests: Value| {
            let mut new = json!({ "guests": guests, "total": 4 });
            put_back(&mut new, Some((&old, &shown)), "body").map(|()| new["guests"].clone())
        };
        assert_eq!(edited(shown["guests"].clone()), Ok(old["guests"].clone()));
        let typed = json!([with("kim", 1)]);
        assert_eq!(edited(typed.clone()), Ok(typed));
        for unclear in [
            json!([with(MASK, 2), with(MASK, 1)]),
            json!([with(MASK, 1)]),
            json!([with(MASK, 1), with("kim", 2)]),
            json!([with(MASK, 1), with(MASK, 5)]),
            json!([with(MASK, 1), with(MASK, 2), with(MASK, 2)]),
        ] {
            assert!(edited(unclear.clone()).is_err(), "{unclear}");
        }
    }
}
