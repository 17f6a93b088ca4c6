//! The steps of different orders do not disturb each other.

mod cart {
    ballet_testkit::commutes!(cart::Carts(cart::config::CartSettings::default()).service());
}

mod inventory {
    ballet_testkit::commutes!(inventory::Inventory::service());
}

mod orders {
    ballet_testkit::commutes!(
        orders::Orders(orders::config::DEADLINE.into()).service(),
        accepted("note_product", "note_withdrawal") = "one version of a product is in one event",
        accepted("note_price", "note_withdrawal") = "one version of a product is in one event",
        accepted("note_withdrawal", "note_product") = "one version of a product is in one event",
        accepted("note_withdrawal", "note_price") = "one version of a product is in one event",
        accepted("note_page", "note_withdrawal") = "a version's page is as its event",
        accepted("note_withdrawal", "note_page") = "a version's page is as its event",
    );
}

mod payments {
    ballet_testkit::commutes!(payments::Payments::new(common::cards::Sandbox::default()).service());
}

mod recommendations {
    ballet_testkit::commutes!(recommendations::Recommendations::service());
}

mod shipping {
    ballet_testkit::commutes!(
        shipping::Shipping::new(shipping::sandbox::Sandbox::default()).service()
    );
}
