//! Postal addresses.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::code::Country;

/// A postal address. No part is longer than 200 characters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Address {
    /// The recipient.
    pub name: String,
    /// Street and number.
    pub street: String,
    /// The postal code; empty where there is none.
    #[serde(default)]
    pub postal_code: String,
    /// The city.
    pub city: String,
    /// The country, two capital letters as in ISO 3166-1.
    pub country: Country,
}
