//! The name that somebody may have meant who wrote another.

/// The nearest of these names, if it differs by a few letters only.
pub(super) fn near<'a>(written: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let known = known.map(|name| (distance(written, name), name));
    let (letters, name) = known.min()?;
    (letters > 0 && letters <= 1 + written.len() / 8).then_some(name)
}

/// The fewest letters to put in, leave out or change.
fn distance(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (at, letter) in one.bytes().enumerate() {
        let mut before = std::mem::replace(&mut row[0], at + 1);
        for (of_other, place) in other.bytes().zip(1..) {
            let changed = before + usize::from(letter != of_other);
            before = row[place];
            row[place] = changed.min(before + 1).min(row[place - 1] + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typing_error_has_a_near_name_and_another_event_has_none() {
        let known = ["orders.order_placed.v1", "orders.order_paid.v1", "orders.order_placed.v2"];
        let near = |written| near(written, known.into_iter());
        assert_eq!(near("orders.order_plaecd.v1"), Some("orders.order_placed.v1"));
        assert_eq!(near("order.order_placed.v1"), Some("orders.order_placed.v1"));
        assert_eq!(near("inventory.stock_reserved.v1"), None);
        assert_eq!(distance("", "abc"), 3);
    }
}
