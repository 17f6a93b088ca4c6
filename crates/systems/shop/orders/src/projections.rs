//! Stores the price of each version of a product, from everything that feeds the copy of the products. A late event
//! fills its gap.

use ballet::core::Republished;
use ballet::{Failure, Projection, Tx};
use shop_events::catalog::{Product, ProductPriceChanged, ProductPublished, ProductWithdrawn};

use crate::offer;

macro_rules! notes {
    ($($(#[$doc:meta])* $name:ident = $text:literal on $event:ident: $price:expr;)+) => {$(
        $(#[$doc])*
        #[derive(Debug)]
        pub(crate) struct $name;

        impl Projection for $name {
            const NAME: &'static str = $text;
            type On = $event;

            async fn apply(
                &self,
                tx: &mut Tx<'_>,
                $event(product): $event,
            ) -> Result<(), Failure> {
                let price: fn(&Product) -> _ = $price;
                offer::note(tx.db(), &[(&product, price(&product))]).await
            }
        }
    )+};
}

notes! {
    /// The first price.
    NoteProduct = "note_product" on ProductPublished: |product| Some(product.price);
    /// Another price.
    NotePrice = "note_price" on ProductPriceChanged: |product| Some(product.price);
    /// No price any more.
    NoteWithdrawal = "note_withdrawal" on ProductWithdrawn: |_| None;
}

/// Stores the prices of a page that fills the copy, because perhaps no other message ever has them. The page does not
/// say when a product was withdrawn.
#[derive(Debug)]
pub(crate) struct NotePage;

impl Projection for NotePage {
    const NAME: &'static str = "note_page";
    type On = Republished<Product>;

    async fn apply(&self, tx: &mut Tx<'_>, page: Republished<Product>) -> Result<(), Failure> {
        let products = page.entities.iter().filter_map(|product| product.state.as_ref());
        let products: Vec<_> = products.map(|product| (product, Some(product.price))).collect();
        offer::note(tx.db(), &products).await
    }
}
