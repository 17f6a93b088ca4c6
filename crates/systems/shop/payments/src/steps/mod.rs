//! The steps of payments in the saga `order_fulfillment`.

mod authorize_payment;
mod capture_payment;

pub use authorize_payment::AuthorizePayment;
pub use capture_payment::CapturePayment;
