//! The steps of different orders do not disturb each other.

mod cart {
    ballet_testkit::commutes!(cart::Carts(cart::config::CartSettings::default()).service());
}

mod inventory {
    ballet_testkit::commutes!(inventory::Inventory::service());
}

mod orders {
    ballet_testkit::commutes!(orders::Orders(orders::config::DEADLINE.into()).service());
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
