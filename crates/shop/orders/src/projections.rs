//! Notes what products cost from each version on. An event that comes late fills its place.

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
                offer::note(tx.db(), &product, price(&product)).await
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
