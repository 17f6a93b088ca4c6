//! Limits refused credentials by the address that they come from, so an attacker who guesses gets few tries. Each
//! gateway counts for itself.

use std::time::Duration;

use hyper::StatusCode;

use crate::config::file::{Limits, Rate};
use crate::config::units::Span;
use crate::http::problem::Problem;
use crate::limits::limiter::Limiter;

const RATE: &str = "refused-sign-ins";
const WINDOW: Duration = Duration::from_secs(60);

/// The refused credentials of each address in a window of time.
#[derive(Debug)]
pub(crate) struct RefusedSignIns(Limiter);

impl RefusedSignIns {
    pub(crate) fn new() -> Self {
        Self(Limiter::new())
    }

    /// Refuses further credentials of an address that sent too many wrong ones.
    pub(crate) fn check(&self, limits: &Limits, address: &str) -> Result<(), Problem> {
        let Some(wait) = self.0.spent(&rate(limits), address) else { return Ok(()) };
        metrics::counter!("gateway_limited_total", "rate" => RATE).increment(1);
        let detail = format!(
            "{} credentials from this address did not count within a minute: no further ones are \
             looked at for a while",
            limits.refused_sign_ins
        );
        Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, detail).retry_after(wait))
    }

    /// Counts refused credentials.
    pub(crate) fn note(&self, limits: &Limits, address: &str) {
        self.0.take(&rate(limits), address);
    }
}

fn rate(limits: &Limits) -> Rate {
    Rate { name: RATE.to_owned(), requests: limits.refused_sign_ins, window: Span(WINDOW) }
}
