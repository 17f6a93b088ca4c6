//! Replies of other companies.

use std::future::Future;
use std::pin::Pin;

use ballet::Failure;
use ballet::calls::LookUp;
use ballet::client::NoAnswer;

/// A future answer. A failure means that the outcome is unknown, so the request is repeated under the same key.
pub type Reply<'a, Answer> = Pin<Box<dyn Future<Output = Result<Answer, Failure>> + Send + 'a>>;

/// Returns the reply of a company's API. `who` names the company in failures.
pub fn reply<'a, Answer: 'a>(
    who: &'a str,
    asked: impl Future<Output = Result<Answer, NoAnswer>> + Send + 'a,
) -> Reply<'a, Answer> {
    Box::pin(async move { asked.await.map_err(|lost| lost.failure(who)) })
}

/// Returns the reply of a company that cannot report outcomes.
#[must_use]
pub fn cannot_look_up<'a, Answer>() -> Reply<'a, LookUp<Answer>> {
    Box::pin(async { Ok(LookUp::Unable) })
}
