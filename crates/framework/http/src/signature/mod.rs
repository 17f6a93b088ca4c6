//! Signatures by secrets that both sides know: of webhooks, and of what a gateway says to services.

mod hmac;
mod request;
mod secrets;
mod wrong_setting;

pub use hmac::{VALID, check, hmac_sha256, sign};
pub use request::{
    BODY_HASH, CHALLENGE, HEADER as REQUEST_HEADER, VALID as REQUEST_VALID, body_hash, message,
};
pub use secrets::Secrets;
pub use wrong_setting::WrongSetting;
