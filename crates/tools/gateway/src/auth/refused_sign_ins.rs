//! Limits refused credentials by the address that they come from, so an attacker who guesses gets few tries. Each
//! gateway counts for itself.

use std::net::IpAddr;
use std::time::Duration;

use ballet_http::limits::{WindowedCounts, network};
use hyper::StatusCode;

use crate::config::file::Limits;
use crate::http::problem::Problem;

const WINDOW: Duration = Duration::from_secs(60);

/// The refused credentials of each network in a window of time.
#[derive(Debug, Default)]
pub(crate) struct RefusedSignIns(WindowedCounts<IpAddr>);

impl RefusedSignIns {
    pub(crate) fn check(&self, limits: &Limits, address: IpAddr) -> Result<(), Problem> {
        let most = limits.refused_sign_ins;
        let Some(wait) = self.0.wait(&network(address), most) else { return Ok(()) };
        metrics::counter!("gateway_limited_total", "rate" => "refused-sign-ins").increment(1);
        let detail = format!(
            "{most} credentials from this address did not count within a minute: no further ones are \
             looked at for a while"
        );
        Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, detail).retry_after(wait))
    }

    pub(crate) fn note(&self, limits: &Limits, address: IpAddr) {
        self.0.take(network(address), limits.refused_sign_ins, WINDOW);
    }
}
