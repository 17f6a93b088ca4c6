//! The bound on the stock in one customer's unpaid orders. Each service that takes orders from customers enforces
//! it over the orders that it took itself.

use axum::http::StatusCode;
use ballet::http::Problem;
use clap::Args;

use crate::values::line::OrderLine;

/// The most pieces, by default.
const PIECES: u32 = 1_000;

/// The bound of one customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Args)]
pub struct UnpaidLimit {
    /// The most pieces, of all products together, in the orders of one customer that are not paid. A further order
    /// is answered with 429. Callers that act for customers are not bound.
    #[arg(long, env = "UNPAID_PIECES_OF_ONE", default_value_t = PIECES, value_name = "PIECES", value_parser = clap::value_parser!(u32).range(1..))]
    pub unpaid_pieces_of_one: u32,
}

impl Default for UnpaidLimit {
    fn default() -> Self {
        Self { unpaid_pieces_of_one: PIECES }
    }
}

impl UnpaidLimit {
    /// Judges an order of a customer who has `others` pieces in other unpaid orders.
    ///
    /// # Errors
    ///
    /// Returns a refusal if the order is too large: 409 for the order alone, 429 together with the others.
    pub fn judge(self, lines: &[OrderLine], others: i64) -> Result<(), Problem> {
        let most = i64::from(self.unpaid_pieces_of_one);
        let ordered: i64 = lines.iter().map(|line| i64::from(line.quantity)).sum();
        if ordered > most {
            return Err(Problem::conflict(format!(
                "the order has {ordered} pieces, and {most} is the limit of one customer before \
                 payment (UNPAID_PIECES_OF_ONE): order less"
            )));
        }
        let unpaid = ordered.saturating_add(others);
        if unpaid > most {
            let why = format!(
                "with this order, those of yours that are not paid would have {unpaid} pieces, and \
                 {most} is the limit of one customer (UNPAID_PIECES_OF_ONE): cancel one, or wait \
                 until one is paid"
            );
            return Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, why).try_again());
        }
        Ok(())
    }
}
