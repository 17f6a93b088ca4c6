//! The ETag of a product.

use ballet::openapi::Tagged;
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
