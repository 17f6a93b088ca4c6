//! Payments with a card processor behind an HTTP API.

mod answers;
mod test_payments;
mod webhooks;
