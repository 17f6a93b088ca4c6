//! The answers of the HTTP routes, with the ETag of the product that they are about.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use ballet::http::{Json, Problem};
use ballet_openapi::{Answers, Created, Draft, etag, json};
use shop_events::catalog::Product;

/// 200: the product.
#[derive(Debug)]
pub(crate) struct Found(pub(crate) Product);

/// 201: the product was published.
#[derive(Debug)]
pub(crate) struct New(pub(crate) Product);

/// 304: the client has this version of the product.
#[derive(Debug)]
pub(crate) struct Known(pub(crate) i64);

/// 412: the product was changed after the client had read it.
#[derive(Debug)]
pub(crate) struct Changed(pub(crate) Product);

impl IntoResponse for Found {
    fn into_response(self) -> Response {
        ([(header::ETAG, etag(self.0.version))], Json(self.0)).into_response()
    }
}

impl Answers for Found {
    fn describe(draft: &mut Draft<'_>) {
        draft.answers::<Product>(StatusCode::OK, "The product.");
        tagged(draft, StatusCode::OK);
    }
}

impl IntoResponse for New {
    fn into_response(self) -> Response {
        let tag = [(header::ETAG, etag(self.0.version))];
        let location = format!("/products/{}", self.0.sku);
        (tag, Created { location, body: self.0 }).into_response()
    }
}

impl Answers for New {
    fn describe(draft: &mut Draft<'_>) {
        <Created<Product> as Answers>::describe(draft);
        tagged(draft, StatusCode::CREATED);
    }
}

impl IntoResponse for Known {
    fn into_response(self) -> Response {
        (StatusCode::NOT_MODIFIED, [(header::ETAG, etag(self.0))]).into_response()
    }
}

impl Answers for Known {
    fn describe(draft: &mut Draft<'_>) {
        draft.answers_nothing(StatusCode::NOT_MODIFIED, "The client has this version.");
        tagged(draft, StatusCode::NOT_MODIFIED);
    }
}

impl IntoResponse for Changed {
    fn into_response(self) -> Response {
        let Product { sku, version, .. } = self.0;
        let detail = format!("product {sku} is at version {version} now: read it again");
        let problem = Problem::new(StatusCode::PRECONDITION_FAILED, detail);
        ([(header::ETAG, etag(version))], problem).into_response()
    }
}

impl Answers for Changed {
    fn describe(draft: &mut Draft<'_>) {
        let status = StatusCode::PRECONDITION_FAILED;
        draft.refuses(status, "The product has another version.");
        tagged(draft, status);
    }
}

fn tagged(draft: &mut Draft<'_>, status: StatusCode) {
    let schema = json!({ "type": "string" });
    draft.header(status, "ETag", "The version of the product, for `If-Match`.", &schema);
}
