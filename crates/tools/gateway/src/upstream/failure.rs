//! Why an upstream gives no answer, and what clients get.

use std::time::Duration;

use hyper::{StatusCode, header};

use crate::http::bounded_body::BodyFault;
use crate::http::problem::Problem;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum UpstreamFailure {
    /// The breaker stays open for this long.
    LeftAlone(Duration),
    Unreachable(String),
    /// The key's lease is over.
    TooLate,
    Broken(String),
    TooSlow(Duration),
    /// The service refuses the signature: secrets or clocks differ.
    NotBelieved,
}

impl UpstreamFailure {
    pub(crate) const fn may_have_acted(&self) -> bool {
        !matches!(
            self,
            Self::LeftAlone(_) | Self::Unreachable(_) | Self::TooLate | Self::NotBelieved
        )
    }

    /// Returns a word for metrics and the log.
    pub(crate) const fn word(&self) -> &'static str {
        match self {
            Self::LeftAlone(_) => "left_alone",
            Self::Unreachable(_) => "unreachable",
            Self::TooLate => "too_late",
            Self::Broken(_) => "broken",
            Self::TooSlow(_) => "too_slow",
            Self::NotBelieved => "not_believed",
        }
    }

    /// Logs the cause, and returns a sentence for the client. What takes effect only once may be repeated at once.
    pub(crate) fn report(&self, upstream: &str, request_id: &str, is_repeatable: bool) -> Problem {
        match self {
            Self::Unreachable(cause) | Self::Broken(cause) => {
                tracing::warn!(upstream, request_id, "{}: {cause}", self.word());
            }
            Self::TooSlow(limit) => {
                tracing::warn!(upstream, request_id, "no answer within {limit:?}");
            }
            // Was logged with the server's name.
            Self::LeftAlone(_) | Self::TooLate | Self::NotBelieved => {}
        }
        self.problem(upstream, is_repeatable)
    }

    fn problem(&self, upstream: &str, is_repeatable: bool) -> Problem {
        match self {
            Self::LeftAlone(wait) => Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                format!(
                    "{upstream} has failed several times and is left alone for a moment: nothing \
                     was sent, try again later"
                ),
            )
            .retry_after(*wait),
            // Nothing was sent, so trying again is safe.
            Self::Unreachable(_) => Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                format!("{upstream} cannot be reached: nothing was sent, try again in a moment"),
            )
            .retry_after(Duration::from_secs(1)),
            Self::TooLate => Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "the gateway could not send the request in time: nothing was sent, try again",
            )
            .retry_after(Duration::from_secs(1)),
            Self::Broken(_) => {
                let detail = format!("{upstream} broke off before it answered");
                Problem::new(StatusCode::BAD_GATEWAY, detail)
            }
            Self::TooSlow(limit) => {
                let detail = format!("{upstream} did not answer within {limit:?}");
                let late = Problem::new(StatusCode::GATEWAY_TIMEOUT, detail);
                if is_repeatable { late.retry_after(Duration::from_secs(1)) } else { late }
            }
            Self::NotBelieved => {
                let detail = format!(
                    "{upstream} did not believe this gateway: nothing was done, and the gateway's \
                     log says what to look at"
                );
                Problem::new(StatusCode::BAD_GATEWAY, detail)
            }
        }
    }
}

pub(crate) fn body_problem(fault: BodyFault) -> Problem {
    match fault {
        BodyFault::TooLarge(most) => {
            let detail = format!(
                "the body is larger than the {most} bytes that this route takes: send less"
            );
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail)
        }
        BodyFault::TooSlow => {
            closing(Problem::new(StatusCode::REQUEST_TIMEOUT, "the body did not come in time"))
        }
        BodyFault::Broken => {
            closing(Problem::new(StatusCode::BAD_REQUEST, "the body ended early or is malformed"))
        }
    }
}

/// Nobody knows where the next request would begin.
fn closing(problem: Problem) -> Problem {
    problem.with(header::CONNECTION, "close")
}
