//! The steps of titles.

mod grant_license;
mod revoke_licenses;

pub use grant_license::GrantLicense;
pub use revoke_licenses::{RevokeLicenses, TitleWithdrawalOwner};
