//! A client's operations, the services that each needs, and what the client sees.

use std::fmt;

use anyhow::{Context, Result};
use futures_util::future::{FutureExt, LocalBoxFuture};
use reqwest::header::RETRY_AFTER;
use reqwest::{RequestBuilder, Response};
use serde_json::Value;

use crate::customers::begun_saga::BegunSaga;
use crate::processes::gateway::GATEWAY;

/// An operation of a client, which is tried while each service is unavailable.
pub struct Operation {
    pub(crate) name: &'static str,
    needs: Option<&'static str>,
    shows: Vec<(&'static str, &'static str)>,
    pub(crate) once: bool,
    pub(crate) followed: bool,
    act: Box<dyn Fn() -> LocalBoxFuture<'static, Result<Attempt>>>,
}

/// An attempt at an operation.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// The answer as the client saw it.
    pub seen: ClientAnswer,
    /// The saga that the attempt has begun.
    pub begun: Option<BegunSaga>,
}

/// An answer as the client sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientAnswer {
    /// The usual answer.
    Works,
    /// A page that names its missing parts.
    Without(Vec<String>),
    /// A problem that says when to try again.
    TryAgain {
        /// The status.
        status: u16,
        /// The title of the problem.
        title: String,
    },
    /// No answer.
    Nothing,
    /// Any other answer.
    Other(String),
}

impl From<ClientAnswer> for Attempt {
    fn from(seen: ClientAnswer) -> Self {
        Self { seen, begun: None }
    }
}

impl Operation {
    /// An operation that sends this request, and fails without the service `needs`.
    pub fn asks(
        name: &'static str,
        needs: &'static str,
        request: impl Fn() -> RequestBuilder + 'static,
    ) -> Self {
        let act = move || seen(request()).map(|seen| Ok(seen.0.into()));
        Self::does(name, act).needs(needs)
    }

    /// An operation that does this. It fails without the services that [`Operation::needs`] names.
    pub fn does<F>(name: &'static str, act: impl Fn() -> F + 'static) -> Self
    where
        F: Future<Output = Result<Attempt>> + 'static,
    {
        let act = Box::new(move || act().boxed_local());
        Self { name, needs: None, shows: Vec::new(), once: false, followed: false, act }
    }

    /// Declares that the operation fails without this service.
    #[must_use]
    pub fn needs(self, service: &'static str) -> Self {
        Self { needs: Some(service), ..self }
    }

    /// Declares that the answer lacks this part without this service.
    #[must_use]
    pub fn shows(mut self, service: &'static str, part: &'static str) -> Self {
        self.shows.push((service, part));
        self
    }

    /// Declares that the operation changes something each time, so it is done once while a service is unavailable.
    /// Others are repeated until the result is as expected.
    #[must_use]
    pub fn once(self) -> Self {
        Self { once: true, ..self }
    }

    /// Declares that the operation begins a saga, whose fate is then checked.
    #[must_use]
    pub fn followed(self) -> Self {
        Self { once: true, followed: true, ..self }
    }

    pub(crate) fn uses(&self, service: &str) -> bool {
        self.needs == Some(service) || self.shows.iter().any(|(other, _)| *other == service)
    }

    pub(crate) fn fails_without(&self, stopped: &str) -> bool {
        self.needs.is_some_and(|needs| needs == stopped || stopped == GATEWAY)
    }

    /// What a client must see while this service is stopped. A gateway answers in its place.
    pub(crate) fn expected(&self, stopped: &str, has_gateway: bool) -> ClientAnswer {
        if self.fails_without(stopped) {
            return match has_gateway && stopped != GATEWAY {
                true => {
                    ClientAnswer::TryAgain { status: 503, title: "Service Unavailable".to_owned() }
                }
                false => ClientAnswer::Nothing,
            };
        }
        let parts = self.shows.iter().filter(|(service, _)| *service == stopped);
        let parts: Vec<_> = parts.map(|(_, part)| (*part).to_owned()).collect();
        if parts.is_empty() { ClientAnswer::Works } else { ClientAnswer::Without(parts) }
    }

    pub(crate) async fn attempt(&self) -> Result<Attempt> {
        (self.act)().await.with_context(|| self.name)
    }
}

impl fmt::Debug for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Operation").field("name", &self.name).finish_non_exhaustive()
    }
}

impl ClientAnswer {
    pub(crate) fn words(&self) -> String {
        match self {
            Self::Works => "✓".to_owned(),
            Self::Without(parts) => format!("✓ without {}", parts.join(" and ")),
            Self::TryAgain { status, .. } => status.to_string(),
            Self::Nothing => "no answer".to_owned(),
            Self::Other(what) => what.clone(),
        }
    }
}

/// Sends a request. Returns the answer as the client sees it, and its body.
pub async fn seen(request: RequestBuilder) -> (ClientAnswer, Value) {
    match request.send().await {
        Ok(answer) => judge(answer).await,
        Err(error) if error.is_connect() => (ClientAnswer::Nothing, Value::Null),
        Err(error) => (ClientAnswer::Other(format!("no answer: {error}")), Value::Null),
    }
}

/// Judges an answer. Returns it as the client sees it, and its body.
pub async fn judge(answer: Response) -> (ClientAnswer, Value) {
    let (status, waits) = (answer.status(), answer.headers().contains_key(RETRY_AFTER));
    let text = match answer.text().await {
        Ok(text) => text,
        Err(error) => {
            return (ClientAnswer::Other(format!("the answer broke off: {error}")), Value::Null);
        }
    };
    let body: Value = serde_json::from_str(&text).unwrap_or_default();
    let missing = body["missing"].as_array().into_iter().flatten();
    let missing: Vec<_> =
        missing.filter_map(|part| Some(part["part"].as_str()?.to_owned())).collect();
    let seen = if status.is_success() && missing.is_empty() {
        ClientAnswer::Works
    } else if status.is_success() {
        ClientAnswer::Without(missing)
    } else if waits {
        let title = body["title"].as_str().unwrap_or_default().to_owned();
        ClientAnswer::TryAgain { status: status.as_u16(), title }
    } else {
        ClientAnswer::Other(format!("{}: {text}", status.as_u16()))
    };
    (seen, body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_client_sees_depends_on_who_is_down() {
        let page = Operation::does("see a page", || async { Ok(ClientAnswer::Works.into()) })
            .needs("desk")
            .shows("hall", "seats");
        let again = ClientAnswer::TryAgain { status: 503, title: "Service Unavailable".to_owned() };
        for (stopped, has_gateway, expected) in [
            ("desk", true, again),
            ("desk", false, ClientAnswer::Nothing),
            (GATEWAY, true, ClientAnswer::Nothing),
            ("hall", true, ClientAnswer::Without(vec!["seats".to_owned()])),
            ("bar", true, ClientAnswer::Works),
        ] {
            assert_eq!(page.expected(stopped, has_gateway), expected, "{stopped}");
        }
        let message =
            Operation::does("write a message", || async { Ok(ClientAnswer::Works.into()) });
        assert_eq!(
            message.expected(GATEWAY, true),
            ClientAnswer::Works,
            "it does not pass the gateway"
        );
    }
}
