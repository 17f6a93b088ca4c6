//! Judges the prices of checkouts by a copy of catalog's prices.

use std::collections::HashMap;

use ballet::copies;
use ballet::core::Versioned;
use jiff::{SignedDuration, Timestamp};
use shop_events::catalog::Product;
use shop_events::{Money, OrderLine, Sku};
use sqlx::PgConnection;

use crate::checkout::InvalidCheckout;
use crate::offer::{self, Offer};

/// A line that names its product's version may have the price of a version that was replaced this long before the
/// checkout, because its sender may not know the new one yet.
const UNHEARD: SignedDuration = SignedDuration::from_mins(1);

#[derive(Debug, Clone, Copy)]
pub(crate) struct PricedCheckout<'a> {
    pub(crate) lines: &'a [OrderLine],
    pub(crate) at: Timestamp,
}

/// Why a checkout cannot have the prices that it names.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotOffered {
    #[error(transparent)]
    Wrong(InvalidCheckout),
    /// The copy lacks this product, or its version.
    #[error("the price of {sku} is not known at the moment: try again")]
    NotYet {
        sku: Sku,
        /// If the copy was filled, the product or the version may not exist at all.
        is_filled: bool,
    },
}

#[derive(Debug, Default)]
struct KnownPrices {
    products: HashMap<String, Versioned<Product>>,
    /// By SKU, in the order of versions. Read only if a line does not have its product's current price.
    offers: HashMap<String, Vec<Offer>>,
    is_filled: bool,
}

pub(crate) async fn judge(
    db: &mut PgConnection,
    checkouts: &[PricedCheckout<'_>],
) -> Result<Vec<Result<(), NotOffered>>, ballet::Failure> {
    let lines = || checkouts.iter().flat_map(|checkout| checkout.lines);
    let mut skus: Vec<&str> = lines().map(|line| line.sku.as_str()).collect();
    skus.sort_unstable();
    skus.dedup();
    if skus.is_empty() {
        return Ok(checkouts.iter().map(|_| Ok(())).collect());
    }
    let products = copies::get_all(&mut *db, &skus).await?;
    let mut known = KnownPrices { products, ..KnownPrices::default() };
    let mut unlike: Vec<&str> =
        lines().filter(|line| !known.costs_now(line)).map(|line| line.sku.as_str()).collect();
    if !unlike.is_empty() {
        unlike.sort_unstable();
        unlike.dedup();
        known.offers = offer::of(&mut *db, &unlike).await?;
        known.is_filled = copies::is_filled::<Product>(db).await?;
    }
    let judge = |checkout: &PricedCheckout<'_>| {
        let mut lines = checkout.lines.iter().zip(1..);
        lines.try_for_each(|(line, number)| known.judge(line, number, checkout.at))
    };
    Ok(checkouts.iter().map(judge).collect())
}

impl KnownPrices {
    fn costs_now(&self, line: &OrderLine) -> bool {
        let product = self.products.get(line.sku.as_str());
        let product = product.and_then(|product| product.state.as_ref());
        product.is_some_and(|product| product.price == line.unit_price)
    }

    fn judge(&self, line: &OrderLine, number: usize, at: Timestamp) -> Result<(), NotOffered> {
        let OrderLine { sku, unit_price, product_version: named, .. } = line;
        if self.costs_now(line) || self.did_cost(line, at) {
            return Ok(());
        }
        let product = self.products.get(sku.as_str());
        let is_newer = |named: i64| product.is_none_or(|product| product.version < named);
        if named.is_some_and(is_newer) {
            return Err(NotOffered::NotYet { sku: sku.clone(), is_filled: self.is_filled });
        }
        let wrong = |field, why: String| {
            NotOffered::Wrong(InvalidCheckout::of_line(number, field, &format!(": {why}")))
        };
        Err(match product.map(|product| &product.state) {
            None if !self.is_filled => NotOffered::NotYet { sku: sku.clone(), is_filled: false },
            None => wrong("sku", format!("unknown SKU {sku}")),
            Some(None) => {
                wrong("sku", format!("product {sku} is withdrawn and can no longer be bought"))
            }
            Some(Some(product)) => {
                let words = |of: Money| format!("{} {}", of.amount_minor, of.currency);
                let (price, named) = (words(product.price), words(*unit_price));
                let why = format!(": {sku} costs {price} and not {named} (in minor units)");
                let wrong = InvalidCheckout::of_line(number, "unit_price", &why);
                NotOffered::Wrong(InvalidCheckout { is_price: true, ..wrong })
            }
        })
    }

    /// Whether the product had this price then, before the version in the copy. Offers of a newer version do not
    /// count: catalog was set back before it, or the copy has it in a moment.
    fn did_cost(&self, line: &OrderLine, at: Timestamp) -> bool {
        let Some(product) = self.products.get(line.sku.as_str()) else { return false };
        let offers = self.offers.get(line.sku.as_str()).map_or(&[][..], Vec::as_slice);
        let is_older = |offer: &Offer| offer.version < product.version;
        let (before, from_then) = offers.split_at(offers.partition_point(is_older));
        let is_withdrawal =
            |offer: &&Offer| offer.version == product.version && offer.price.is_none();
        // A withdrawal that only a rebuild has brought has no time. The last price has ended with it.
        let end = match &product.state {
            Some(product) => Some(product.changed_at),
            None => from_then.first().filter(is_withdrawal).map(|withdrawal| withdrawal.since),
        };
        let ends = before.iter().skip(1).map(|next| Some(next.since)).chain([end]);
        before.iter().zip(ends).any(|(offer, until)| {
            let is_named = line.product_version == Some(offer.version);
            let unheard = if is_named { UNHEARD } else { SignedDuration::ZERO };
            let is_over = until.is_none_or(|until| until + unheard <= at);
            offer.price == Some(line.unit_price) && offer.since <= at && !is_over
        })
    }
}

#[cfg(test)]
#[path = "prices_tests.rs"]
mod tests;
