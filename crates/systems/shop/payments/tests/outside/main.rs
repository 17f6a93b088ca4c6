//! Payments with a card processor behind an HTTP API that is slow, breaks, lies, and sends webhooks.

mod answers;
mod settings;
mod test_payments;
mod webhooks;
