//! Postal addresses.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::code::Country;

/// A postal address. No part is longer than 200 characters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
