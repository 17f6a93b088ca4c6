//! Postal addresses.

use ballet_core::value;
use common::values::{Country, check_text};

/// A postal address. No part is longer than 200 characters.
#[value]
#[derive(Eq)]
#[schemars(extend("x-personal" = true, "x-personal-reason" = "the parcel goes there"))]
pub struct Address {
    /// The recipient.
    #[schemars(length(min = 1, max = 200))]
    pub name: String,
    /// Street and number.
    #[schemars(length(min = 1, max = 200))]
    pub street: String,
    /// The postal code; empty where there is none.
    #[serde(default)]
    #[schemars(length(max = 200))]
    pub postal_code: String,
    /// The city.
    #[schemars(length(min = 1, max = 200))]
    pub city: String,
    /// The country, two capital letters as in ISO 3166-1.
    pub country: Country,
}

impl Address {
    /// Checks the texts of an address.
    ///
    /// # Errors
    ///
    /// Returns the first wrong field, and what is wrong with it.
    pub fn check(&self) -> Result<(), (&'static str, String)> {
        let Self { name, street, postal_code, city, country: _ } = self;
        for (field, text) in [("name", name), ("street", street), ("city", city)] {
            check_text(text).map_err(|wrong| (field, wrong))?;
        }
        if postal_code.is_empty() {
            return Ok(());
        }
        check_text(postal_code).map_err(|wrong| ("postal_code", wrong))
    }
}
