//! Where the caller finds the crates.

use proc_macro2::TokenStream;
use quote::quote;

/// The path of `ballet-core` for the caller, who depends on it or on `ballet`.
pub(crate) struct Crates {
    pub(crate) core: TokenStream,
}

impl Crates {
    pub(crate) fn core() -> Self {
        Self { core: quote!(::ballet_core) }
    }

    pub(crate) fn ballet() -> Self {
        Self { core: quote!(::ballet::core) }
    }
}
