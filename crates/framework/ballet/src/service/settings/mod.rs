//! Settings: the same for every service, from flags or the environment.

pub(crate) mod error;
pub(crate) mod otel;
pub(crate) mod redacted;
#[expect(clippy::module_inception, reason = "the file holds what the folder is named after")]
pub(crate) mod settings;
pub(crate) mod tls;
