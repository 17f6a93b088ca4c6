//! The ETag of a product, and the answer to clients whose product has changed.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use ballet::http::{Place, Problem};
use ballet::openapi::{Answers, Draft, Tagged, describe_etag, etag};
use shop_events::catalog::Product;

#[derive(Debug)]
pub(crate) enum Products {}

impl Tagged for Products {
    type Thing = Product;
    const NAME: &'static str = "product";

    fn version(product: &Product) -> i64 {
        product.version
    }

    fn location(product: &Product) -> String {
        format!("/products/{}", product.sku)
    }
}

/// 412: the product was changed after the client had read it.
#[derive(Debug)]
pub(crate) struct VersionMismatch(pub(crate) Product);

impl IntoResponse for VersionMismatch {
    fn into_response(self) -> Response {
        let Product { sku, version, .. } = self.0;
        let detail = format!("product {sku} is at version {version} now: read it again");
        let problem = Problem::new(StatusCode::PRECONDITION_FAILED, detail);
        let problem = problem.at(Place::header("If-Match"));
        ([(header::ETAG, etag(version))], problem).into_response()
    }
}

impl Answers for VersionMismatch {
    fn describe(draft: &mut Draft<'_>) {
        let status = StatusCode::PRECONDITION_FAILED;
        draft.refuses(status, "The product has another version.");
        describe_etag::<Products>(draft, status);
    }
}
