//! The identity of a client, and its permissions.

pub(crate) mod api_key;
pub(crate) mod identity;
pub(crate) mod jwk;
pub(crate) mod jwt;
pub(crate) mod key_set;
pub(crate) mod key_source;
pub(crate) mod sign_in;
pub(crate) mod signer;
pub(crate) mod verified_tokens;
pub(crate) mod verifier;
