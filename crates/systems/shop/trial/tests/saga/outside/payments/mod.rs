//! Payments with a card processor behind an HTTP API.

mod answers;
pub(crate) mod test_payments;
mod webhooks;
