//! A client of another company's HTTP API, for [steps that call](crate::calls). It is there with the feature `client`.
//!
//! Such an API may fail, be slow or lie. So each request has an idempotency key and limits of time and size, and the
//! key to the API goes to the server that its certificate names and is struck out of all texts. What a status says of
//! the request is decided here: whether it is an answer, an outcome that is unknown ([`NoAnswer`]), and which
//! [`Failure`](crate::Failure) that is. What an answer means is the caller's:
//!
//! ```no_run
//! use ballet::Failure;
//! use ballet::calls::CallKey;
//! use ballet::client::ApiClient;
//! # #[derive(serde::Serialize)] struct Charge { cents: i64 }
//! # #[derive(serde::Deserialize)] struct Charged { id: String }
//!
//! async fn charge(bank: &ApiClient, key: CallKey, charge: &Charge) -> Result<Charged, Failure> {
//!     let answer = bank.post("/charges", key, charge).await;
//!     answer.and_then(|answer| answer.read()).map_err(|lost| lost.failure("the bank"))
//! }
//! ```

mod answer;
mod api_client;
mod base_url;
mod no_answer;

pub use answer::ApiAnswer;
pub use api_client::{ApiClient, ApiConnection};
pub use ballet_http::signature::{Secrets, WrongSetting};
pub use base_url::BaseUrl;
pub use no_answer::NoAnswer;
