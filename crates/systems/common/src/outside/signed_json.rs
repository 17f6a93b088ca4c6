//! The extractor of a signed body.

use axum::body::{Body, to_bytes};
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, StatusCode};
use ballet::http::{OpenJson, Problem};
use ballet::openapi::{Draft, Takes, json};

use crate::outside::webhook::{Webhook, WebhookState};

/// The header with the signature.
const HEADER: &str = "Webhook-Signature";
/// In bytes.
const LONGEST: usize = 64 * 1024;

/// The JSON body of a webhook, read only after its signature is checked.
#[derive(Debug)]
pub struct SignedJson(pub(crate) Webhook);

impl FromRequest<WebhookState> for SignedJson {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &WebhookState) -> Result<Self, Problem> {
        let (head, body) = request.into_parts();
        let body = to_bytes(body, LONGEST).await.map_err(|_| {
            let why = format!("the body broke off, or is longer than {LONGEST} bytes");
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, why)
        })?;
        let now = state.handle.now();
        state.webhooks.check(only(&head.headers), now, &body).await.inspect_err(|problem| {
            tracing::warn!(path = head.uri.path(), "a webhook is refused: {problem:?}");
        })?;
        let request = Request::from_parts(head, Body::from(body));
        let OpenJson(body) = OpenJson::from_request(request, state).await?;
        Ok(Self(body))
    }
}

/// Returns the signature if there is exactly one.
fn only(headers: &HeaderMap) -> Option<&str> {
    let mut all = headers.get_all(HEADER).iter();
    let first = all.next()?.to_str().ok()?;
    all.next().is_none().then_some(first)
}

impl Takes for SignedJson {
    fn describe(draft: &mut Draft<'_>) {
        let signature = json!({
            "type": "string",
            "pattern": "^t=[0-9]{1,12}(,v1=[0-9a-f]{64}){1,8}$",
            "description": "`t=` the seconds since 1970, `,v1=` the HMAC-SHA256 of these seconds, a \
                            dot and the body, under the webhook's secret, in hexadecimal.",
        });
        draft.parameters(
            "header",
            &json!({
                "properties": { HEADER: signature },
                "required": [HEADER],
            }),
        );
        OpenJson::<Webhook>::describe(draft);
        draft.refuses(StatusCode::UNAUTHORIZED, "The signature is missing, wrong or too old.");
    }
}
