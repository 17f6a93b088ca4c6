//! Restores the masked values of an edited body wherever it is certain which ones they are.

use std::collections::HashMap;

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
        Value::Array(items) if items.iter().any(has_mask) => {
            let old = old.and_then(|(value, shown)| value.as_array().zip(shown.as_array()));
            let old = old.map(|(values, shown)| values.iter().zip(shown));
            let old: Vec<OldValue<'_>> = old.into_iter().flatten().collect();
            let same = same_items(items, &old);
            let masked = items.iter_mut().enumerate().filter(|(_, item)| has_mask(item));
            masked.zip(same).try_for_each(|((at, item), same)| {
                let path = format!("{path}[{at}]");
                let unclear =
                    || format!("{path} has a mask, and the list has changed: type the value");
                put_back(item, Some(same.ok_or_else(unclear)?), &path)
            })
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

/// The items of a list that look the same.
struct AlikeItems<'a> {
    first: OldValue<'a>,
    /// Whether all of them have the same value.
    is_one: bool,
    /// Their number before and after the edit.
    before: usize,
    now: usize,
}

/// Returns the old item for each item with a mask, if it is certain: masks look alike and hide whose value they stand
/// for.
fn same_items<'a>(items: &[Value], old: &[OldValue<'a>]) -> Vec<Option<OldValue<'a>>> {
    let masked = || items.iter().enumerate().filter(|(_, item)| has_mask(item));
    let has_all = items.len() == old.len();
    let is_edited = |at: usize| items[at] != *old[at].1;
    let edited: Vec<usize> = (0..items.len()).filter(|at| has_all && is_edited(*at)).collect();
    if has_all && edited.is_empty() {
        return masked().map(|(at, _)| Some(old[at])).collect();
    }
    let mut alike: HashMap<&Value, AlikeItems<'a>> = HashMap::new();
    for one @ (value, shown) in old {
        let new = AlikeItems { first: *one, is_one: true, before: 0, now: 0 };
        let alike = alike.entry(*shown).or_insert(new);
        alike.is_one &= *value == alike.first.0;
        alike.before += 1;
    }
    for (_, item) in masked() {
        if let Some(alike) = alike.get_mut(item) {
            alike.now += 1;
        }
    }
    let same = |(at, item): (usize, &Value)| match alike.get(item) {
        // The item was kept or moved. If several look the same, another one may have moved to its place.
        Some(alike) => (alike.is_one && alike.now <= alike.before).then_some(alike.first),
        // The item was edited in place, and nothing else was.
        None => (edited == [at]).then(|| old[at]),
    };
    masked().map(same).collect()
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
        let mut more = json!({ "guests": [{}, { "mail": MASK }], "more": MASK });
        assert_eq!(
            put_back(&mut more, Some((&old, &shown)), "body"),
            Err("body.more has a mask, and the old body has no value there".to_owned())
        );
    }

    #[test]
    fn a_mask_in_a_list_gets_its_own_value_or_none() {
        let with = |mail: &str, seats| json!({ "mail": mail, "seats": seats });
        let of = |seats| with(MASK, seats);
        let edited = |old: &[Value], shown: &[Value], new: Value| {
            let (old, shown, mut new) = (json!(old), json!(shown), new);
            put_back(&mut new, Some((&old, &shown)), "body").map(|()| new)
        };
        let unclear =
            |at| Err(format!("body[{at}] has a mask, and the list has changed: type the value"));
        let (ada, eve) = (with("ada", 1), with("eve", 2));
        let old = [ada.clone(), eve.clone(), with("joe", 3), with("pat", 3)];
        let shown = [of(1), of(2), of(3), of(3)];
        let of_four = |new: Value| edited(&old, &shown, new);
        let of_two = |new: Value| edited(&old[..2], &shown[..2], new);
        assert_eq!(of_four(json!(shown)), Ok(json!(old)));
        // One is edited, or gets another value.
        assert_eq!(of_two(json!([of(1), of(5)])), Ok(json!([ada, with("eve", 5)])));
        assert_eq!(of_two(json!([of(1), with("kim", 4)])), Ok(json!([ada, with("kim", 4)])));
        assert_eq!(of_two(json!([of(5), with("kim", 4)])), unclear(0));
        // Items are moved and removed.
        assert_eq!(of_four(json!([of(2), of(1)])), Ok(json!([eve, ada])));
        assert_eq!(of_two(json!([of(2), with("kim", 2)])), Ok(json!([eve, with("kim", 2)])));
        // Two look the same: the first may be removed, and the second may be at its place.
        assert_eq!(of_four(json!([of(1), of(2), of(3), with("kim", 3)])), unclear(2));
        assert_eq!(of_four(json!([of(1), of(5), of(3), of(3)])), unclear(2));
        assert_eq!(of_four(json!([of(1), of(3)])), unclear(1));
        // One now looks like another, and several were edited.
        assert_eq!(of_four(json!([of(2), of(2), of(3), of(3)])), unclear(0));
        assert_eq!(of_four(json!([of(4), of(5), of(3), of(3)])), unclear(0));
        assert_eq!(of_two(json!([of(2), of(7)])), unclear(1));
        // Two are the same.
        let (twice, masks) = ([ada.clone(), ada.clone(), eve], [of(1), of(1), of(2)]);
        assert_eq!(edited(&twice, &masks, json!([of(1), of(1)])), Ok(json!([ada, ada])));
        assert_eq!(edited(&twice, &masks, json!([of(1), of(1), of(1)])), unclear(0));
        // Masks of plain values reveal nothing at all.
        let (names, masks) = ([json!("Ada"), json!("Eve")], [json!(MASK), json!(MASK)]);
        assert_eq!(edited(&names, &masks, json!([MASK])), unclear(0));
        assert_eq!(edited(&names, &masks, json!([MASK, "Kim"])), unclear(0));
        assert_eq!(edited(&names, &masks, json!(masks)), Ok(json!(names)));
    }

    #[test]
    fn a_long_list_that_was_edited_is_compared_at_once() {
        let of = |mail: &str, seats| json!({ "mail": mail, "seats": seats });
        let all = |mails: &dyn Fn(u32) -> String, count| {
            (0..count).map(|at| of(&mails(at), at)).collect::<Vec<_>>()
        };
        // Comparing each with all others would take minutes.
        let (old, shown) =
            (all(&|at| format!("guest {at}"), 50_000), all(&|_| MASK.to_owned(), 50_000));
        let (old, shown) = (json!(old), json!(shown));
        let mut new = json!(shown.as_array().expect("a list")[1..]);
        assert_eq!(put_back(&mut new, Some((&old, &shown)), "body"), Ok(()));
        assert!(new.as_array() == old.as_array().map(|old| old[1..].to_vec()).as_ref());
    }
}
