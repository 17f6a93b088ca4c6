mod answers;
pub(crate) mod test_payments;
mod webhooks;
