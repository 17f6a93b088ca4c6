//! Companies that know what they did under a key, as docs/providers.md specifies it.

use std::fmt::{Debug, Display};
use std::path::PathBuf;
use std::time::Duration;

use axum::http::StatusCode;
use ballet::calls::CallKey;
use ballet::client::{
    ApiAnswer, ApiClient, ApiConnection, BaseUrl, NoAnswer, Secrets, WrongSetting,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// A company's operations. `POST {path}` requests one, and `GET /operations/{key}` asks for its outcome. Both answer
/// with the operation and its `idempotency_key`.
#[derive(Debug, Clone)]
pub struct Operations(ApiClient);

impl Operations {
    /// The operations of the company at this connection.
    ///
    /// # Errors
    ///
    /// Returns an error if the connection's settings cannot be used.
    pub fn new(connection: ApiConnection) -> Result<Self, WrongSetting> {
        ApiClient::new(connection).map(Self)
    }

    /// Requests an operation and returns it.
    ///
    /// # Errors
    ///
    /// Returns an error if there is no answer that counts.
    pub async fn request<T: DeserializeOwned>(
        &self,
        path: &str,
        key: CallKey,
        request: &(impl Serialize + Sync),
    ) -> Result<T, NoAnswer> {
        operation(key, &self.0.post(path, key, request).await?)
    }

    /// Returns the operation under a key, or `None` if there is none.
    ///
    /// # Errors
    ///
    /// Returns an error if there is no answer that counts.
    pub async fn look_up<T: DeserializeOwned>(&self, key: CallKey) -> Result<Option<T>, NoAnswer> {
        let answer = self.0.get(&format!("/operations/{key}"), key).await?;
        if answer.status() != StatusCode::NOT_FOUND {
            return operation(key, &answer).map(Some);
        }
        // A server in between may answer in JSON, but knows no key.
        match answer.json::<OperationKey>() {
            Ok(known) if known.is(key) => Ok(None),
            _ => Err(NoAnswer::NotUnderstood(
                "404 without the key, which may be a proxy's".to_owned(),
            )),
        }
    }
}

/// The member of an operation that identifies its request.
#[derive(Deserialize)]
struct OperationKey {
    idempotency_key: String,
}

impl OperationKey {
    fn is(&self, key: CallKey) -> bool {
        self.idempotency_key.eq_ignore_ascii_case(&key.to_string())
    }
}

/// Reads the operation that was requested under `key`.
fn operation<T: DeserializeOwned>(key: CallKey, answer: &ApiAnswer) -> Result<T, NoAnswer> {
    // A refusal of the card's bank has a status of its own.
    if !answer.status().is_success() && answer.status() != StatusCode::PAYMENT_REQUIRED {
        return Err(answer.refused());
    }
    let operation: OperationKey = answer.json()?;
    if !operation.is(key) {
        return Err(NoAnswer::Foreign(format!("we asked under the key {key}")));
    }
    answer.json()
}

/// Returns a member that an answer must have. `what` is its name.
///
/// # Errors
///
/// Returns [`NoAnswer::NotUnderstood`] if it is missing.
pub fn wanted(what: &str, member: Option<String>) -> Result<String, NoAnswer> {
    member.ok_or_else(|| NoAnswer::NotUnderstood(format!("it has no {what}")))
}

/// An operation whose result is impossible for its path.
#[must_use]
pub fn unexpected(path: &str, result: impl Debug) -> NoAnswer {
    NoAnswer::NotUnderstood(format!("{path} with the result {result:?}"))
}

/// Fails if an operation is about another order than ours.
///
/// # Errors
///
/// Returns [`NoAnswer::Foreign`] if the orders differ.
pub fn unless_about<Id: Display + PartialEq>(ours: &Id, theirs: &Id) -> Result<(), NoAnswer> {
    if theirs == ours {
        return Ok(());
    }
    Err(NoAnswer::Foreign(format!("it is about order {theirs}, we asked for {ours}")))
}

/// Returns the connection of these settings, or `None` without a URL. The names of the settings begin with `name`.
///
/// # Errors
///
/// Returns an error if a setting is missing or cannot be used.
pub fn connection(
    name: &str,
    url: Option<&str>,
    key: Option<Secrets>,
    ca_file: Option<PathBuf>,
    millis: u64,
) -> Result<Option<ApiConnection>, WrongSetting> {
    let Some(url) = url else {
        return match key {
            None => Ok(None),
            Some(_) => Err(WrongSetting(format!(
                "{name}_KEY is set without {name}_URL: the sandbox would be used"
            ))),
        };
    };
    let url: BaseUrl = url.parse().map_err(|why| WrongSetting(format!("{name}_URL: {why}")))?;
    let key = key.ok_or_else(|| {
        let why = format!("set {name}_KEY or {name}_KEY_FILE");
        WrongSetting(format!("{name}_URL is set without a key: {why}"))
    })?;
    Ok(Some(ApiConnection { url, key, ca_file, timeout: Duration::from_millis(millis) }))
}
