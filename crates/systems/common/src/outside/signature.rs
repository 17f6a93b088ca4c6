//! Signatures of webhooks.

use jiff::Timestamp;

/// The header with the signature.
pub const HEADER: &str = "Webhook-Signature";

/// Signs a body: `t=1732233600,v1=` and the HMAC-SHA256 of `1732233600.` and the body, in hexadecimal. During a
/// change of secrets there may be one `v1` for each.
#[must_use]
pub fn signature(secret: &str, at: Timestamp, body: &[u8]) -> String {
    ballet_http::signature::sign(secret, at.as_second(), body)
}
