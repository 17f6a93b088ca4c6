//! The prices that count, and when.

use shop_events::Slug;

use super::*;

fn time(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).expect("a time")
}

fn euros(amount_minor: i64) -> Money {
    Money { amount_minor, currency: "EUR".parse().expect("a currency") }
}

fn line(amount_minor: i64, product_version: Option<i64>) -> OrderLine {
    let sku = "mug".parse().expect("a SKU");
    OrderLine { sku, quantity: 1, unit_price: euros(amount_minor), product_version }
}

fn product(version: i64, price: Money, since: i64) -> Product {
    Product {
        sku: "mug".parse().expect("a SKU"),
        version,
        title: "A mug".to_owned(),
        description: String::new(),
        price,
        category: "kitchen".parse::<Slug>().expect("a slug"),
        tags: Vec::new(),
        image_url: None,
        published_at: time(0),
        changed_at: time(since),
    }
}

fn offer(version: i64, price: Option<i64>, since: i64) -> Offer {
    Offer { version, price: price.map(euros), since: time(since) }
}

/// A mug that cost 10 from second 0, 12 from second 1,000, and then either 12 or was withdrawn.
fn known(withdrawn: bool) -> KnownPrices {
    let mug = if withdrawn {
        Versioned::removed("mug", 3)
    } else {
        Versioned::of("mug", 2, product(2, euros(1_200), 1_000))
    };
    let mut offers = vec![offer(1, Some(1_000), 0), offer(2, Some(1_200), 1_000)];
    offers.extend(withdrawn.then(|| offer(3, None, 2_000)));
    KnownPrices {
        products: HashMap::from([("mug".to_owned(), mug)]),
        offers: HashMap::from([("mug".to_owned(), offers)]),
        is_filled: true,
    }
}

fn is_fine(known: &KnownPrices, price: i64, version: Option<i64>, at: i64) -> bool {
    known.judge(&line(price, version), 1, time(at)).is_ok()
}

#[test]
fn a_price_counts_as_long_as_it_is_offered() {
    let mug = known(false);
    for (price, version, at, fine) in [
        (1_200, None, 5_000, true),
        (1_200, Some(2), 5_000, true),
        (1_000, None, 5_000, false),
        (1_000, Some(1), 5_000, false),
        (1, None, 5_000, false),
        (0, Some(2), 5_000, false),
        (i64::MAX, None, 5_000, false),
        // A checkout that waited, or came again from the journal.
        (1_000, None, 999, true),
        (1_000, None, 1_000, false),
        // The sender did not know the change yet.
        (1_000, Some(1), 1_059, true),
        (1_000, Some(1), 1_060, false),
        (1_000, Some(2), 1_059, false),
    ] {
        assert_eq!(is_fine(&mug, price, version, at), fine, "{price} of {version:?} at {at}");
    }
    let gone = known(true);
    for (price, at, fine) in [(1_200, 5_000, false), (1_200, 1_999, true), (1, 5_000, false)] {
        assert_eq!(is_fine(&gone, price, None, at), fine, "{price} at {at}");
    }
}

fn copied(mug: Versioned<Product>) -> KnownPrices {
    let mut known = known(true);
    known.products = HashMap::from([("mug".to_owned(), mug)]);
    known
}

#[test]
fn what_is_noted_of_a_version_that_is_newer_than_the_copys_does_not_count() {
    let set_back = copied(Versioned::of("mug", 1, product(1, euros(1_000), 0)));
    assert!(is_fine(&set_back, 1_000, None, 5_000));
    for (version, at) in [(None, 1_500), (None, 5_000), (Some(2), 1_500)] {
        assert!(!is_fine(&set_back, 1_200, version, at), "{version:?} at {at}");
    }
    let nothing = KnownPrices { products: HashMap::new(), ..known(false) };
    assert!(!is_fine(&nothing, 1_000, None, 500) && !is_fine(&nothing, 1_200, None, 1_500));
    // The copy's price counts, not the stored offer of the same version.
    let other = copied(Versioned::of("mug", 2, product(2, euros(1_300), 3_000)));
    for (price, at, fine) in
        [(1_200, 1_500, false), (1_300, 5_000, true), (1_000, 2_999, true), (1_000, 3_000, false)]
    {
        assert_eq!(is_fine(&other, price, None, at), fine, "{price} at {at}");
    }
}

#[test]
fn a_price_ends_with_what_the_copy_says_though_nothing_is_noted_of_it() {
    // The events of two changes and a withdrawal are lost.
    let rebuilt = copied(Versioned::of("mug", 5, product(5, euros(1_400), 3_000)));
    let mut rebuilt = KnownPrices { offers: known(false).offers, ..rebuilt };
    for (price, at, fine) in
        [(1_200, 2_999, true), (1_200, 3_000, false), (1_400, 5_000, true), (1_000, 1_500, false)]
    {
        assert_eq!(is_fine(&rebuilt, price, None, at), fine, "{price} at {at}");
    }
    rebuilt.products = HashMap::from([("mug".to_owned(), Versioned::removed("mug", 5))]);
    assert!(is_fine(&rebuilt, 1_000, None, 500));
    assert!(!is_fine(&rebuilt, 1_200, None, 1_500) && !is_fine(&rebuilt, 1_200, None, 5_000));
}

#[test]
fn another_currency_is_another_price() {
    let mut yen = line(1_200, None);
    yen.unit_price.currency = "JPY".parse().expect("a currency");
    let wrong = known(false).judge(&yen, 2, time(5_000)).expect_err("another price");
    assert_eq!(wrong.to_string(), "line 2: mug costs 1200 EUR and not 1200 JPY (in minor units)");
}

#[test]
fn what_is_not_known_yet_is_waited_for_and_what_never_was_is_refused() {
    let waits = |known: &KnownPrices, version| {
        let judged = known.judge(&line(1_300, version), 1, time(5_000));
        matches!(judged, Err(NotOffered::NotYet { .. }))
    };
    let mug = known(false);
    assert!(waits(&mug, Some(3)), "a version that is not here yet");
    assert!(!waits(&mug, Some(2)) && !waits(&mug, None));
    let nothing = KnownPrices { is_filled: true, ..KnownPrices::default() };
    assert!(waits(&nothing, Some(1)) && !waits(&nothing, None));
    assert!(waits(&KnownPrices::default(), None), "a copy that is being filled");
    let gone = known(true).judge(&line(1, None), 1, time(5_000)).expect_err("gone");
    let words = "line 1: product mug is withdrawn and can no longer be bought";
    assert_eq!(gone.to_string(), words);
}
