//! Calls to other companies' HTTP APIs, and the webhooks that they send.
//!
//! Both sides of a call can fail, be slow or lie. So each request has an idempotency key and limits of time and size,
//! and its answer must be about this request. A webhook needs a valid signature, and is only a hint: the waiting call
//! is repeated under its key, and its answer counts.

mod operations;
mod reply;
mod signed_json;
mod webhook;
mod webhooks;

pub use ballet::client::{ApiConnection, NoAnswer, Secrets, WrongSetting};
pub use operations::{Operations, connection, unexpected, unless_about, wanted};
pub use reply::{Reply, cannot_look_up, reply};
pub use signed_json::SignedJson;
pub use webhook::{Webhook, WebhookState, take_webhook, webhook_operation};
pub use webhooks::Webhooks;
