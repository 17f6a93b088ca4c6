//! The checkout: decided once, under the lock of the cart's row.

use std::collections::HashMap;

use axum::extract::State;
use ballet::core::Versioned;
use ballet::http::{Json, Path, Problem};
use ballet::openapi::{Created, Either, IfMatch};
use ballet::{SagaId, Tx, copies};
use shop_events::access::Caller;
use shop_events::cart::CartCheckedOut;
use shop_events::catalog::Product;
use shop_events::{CartId, OrderId};

use crate::cart::{Cart, CartStatus, ChangedLine};
use crate::checkout::{self, Checkout};
use crate::http::state::CartsState;
use crate::requests::CheckoutTerms;
use crate::{refusals, store};

/// Checks out the version that the client has read, at the prices that it was shown.
pub(crate) async fn check_out(
    State(CartsState { handle, unpaid }): State<CartsState>,
    caller: Caller,
    Path(cart_id): Path<CartId>,
    of: IfMatch,
    Json(terms): Json<CheckoutTerms>,
) -> Result<Either<Created<Checkout>, Json<Checkout>>, Problem> {
    let terms = terms.checked()?;
    let order_id = handle.new_id::<OrderId>();
    // The event starts the order's saga, so the unit belongs to it.
    let mut unit = handle.saga_unit(SagaId(order_id.0)).await?;
    let mut tx = unit.tx();
    let now = tx.now();
    let cart = store::cart::find_to_change(tx.db(), cart_id).await?;
    let mut cart = refusals::own(cart, cart_id, &caller)?;
    let request = text(&terms)?;
    match store::checkout::of_versions(tx.db(), cart_id, of.versions(), &request).await? {
        // A version that was checked out before, whatever the cart's state is now.
        Some((checkout, true)) => {
            unit.rollback();
            return Ok(Either::That(Json(checkout)));
        }
        Some((checkout, false)) => return Err(refusals::other_terms(checkout.order_id)),
        None => {}
    }
    if !of.has(cart.version) {
        return Err(refusals::changed(&cart));
    }
    if cart.status != CartStatus::Open {
        return Err(refusals::not_open(&cart));
    }
    let shown = cart.clone();
    let (changes, products) = compare(&mut tx, &mut cart).await?;
    if !changes.is_empty() {
        // The cart now shows the changes, so that the next checkout can succeed.
        if cart != shown {
            store::cart::save(tx.db(), &mut cart, now).await?;
        }
        unit.commit().await?;
        return Err(refusals::not_as_shown(&changes));
    }
    let (mut lines, total) = cart.order().map_err(Problem::conflict)?;
    if let Some(customer_id) = caller.only() {
        let others = store::checkout::unpaid_pieces(tx.db(), customer_id).await?;
        unpaid.judge(&lines, others)?;
    }
    for line in &mut lines {
        // Orders checks the prices again, and sees by the version whether its copy is behind.
        line.product_version = products.get(line.sku.as_str()).map(|product| product.version);
    }
    let checkout = Checkout {
        order_id,
        cart_id,
        cart_version: cart.version,
        lines,
        total,
        status: checkout::CheckoutStatus::Placed,
        reason: None,
        detail: None,
        created_at: now,
        changed_at: now,
    };
    store::checkout::place(tx.db(), &checkout, &request).await?;
    cart.status = CartStatus::CheckedOut;
    cart.order_id = Some(order_id);
    store::cart::save(tx.db(), &mut cart, now).await?;
    let CheckoutTerms { card_token, ship_to } = terms;
    let (cart_id, customer_id) = (Some(cart_id), cart.customer_id);
    let lines = checkout.lines.clone();
    tx.publish(&CartCheckedOut { cart_id, customer_id, lines, card_token, ship_to }).await?;
    unit.commit().await?;
    let location = format!("/orders/{order_id}");
    Ok(Either::This(Created { location, body: checkout }))
}

/// Compares with the products as they are in this transaction.
async fn compare(
    tx: &mut Tx<'_>,
    cart: &mut Cart,
) -> Result<(Vec<ChangedLine>, HashMap<String, Versioned<Product>>), Problem> {
    let skus: Vec<&str> = cart.lines.iter().map(|line| line.sku.as_str()).collect();
    let products = copies::get_all::<Product>(tx.db(), &skus).await?;
    match cart.lines.iter().find(|line| !products.contains_key(line.sku.as_str())) {
        // The copy is being filled again.
        Some(line) => Err(refusals::price_unknown(&line.sku)),
        None => Ok((cart.compare(&products), products)),
    }
}

fn text(terms: &CheckoutTerms) -> Result<String, Problem> {
    serde_json::to_string(terms).map_err(|error| Problem::unprocessable(error.to_string()))
}
