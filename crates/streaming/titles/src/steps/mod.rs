//! The steps of titles.

mod erase_viewer;
mod grant_license;
mod revoke_licenses;

pub use erase_viewer::EraseViewer;
pub use grant_license::GrantLicense;
pub use revoke_licenses::{RevokeLicenses, TitleWithdrawalOwner};
