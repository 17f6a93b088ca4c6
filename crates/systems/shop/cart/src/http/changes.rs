//! The routes that change a cart. They are idempotent and need no `If-Match`: changes of products are independent,
//! and a checkout names the version that was read.

use axum::extract::State;
use ballet::core::Versioned;
use ballet::http::{Json, Path, Place, Problem};
use ballet::openapi::{FoundThing, NewThing};
use ballet::{Handle, Tx, copies};
use shop_events::access::Caller;
use shop_events::cart::{CartCleared, ClearReason};
use shop_events::catalog::Product;
use shop_events::{CartId, Sku};

use crate::cart::{Cart, CartStatus, total};
use crate::requests::{ItemPath, NewCart, NewItem, Quantity};
use crate::{refusals, store};

pub(crate) async fn open(
    State(handle): State<Handle>,
    caller: Caller,
    Json(cart): Json<NewCart>,
) -> Result<NewThing<Cart>, Problem> {
    caller.may_act_for(cart.customer_id, Place::body(["customer_id"]))?;
    let NewCart { customer_id, items } = cart.checked()?;
    let mut unit = handle.unit().await?;
    let mut tx = unit.tx();
    let now = tx.now();
    let mut cart = Cart::new(tx.new_id(), customer_id, now);
    let skus: Vec<&str> = items.iter().map(|item| item.sku.as_str()).collect();
    let products = copies::get_all::<Product>(tx.db(), &skus).await?;
    for (at, NewItem { sku, quantity }) in items.iter().enumerate() {
        let place = || Place::body(["items", &at.to_string(), "sku"]);
        let product = match products.get(sku.as_str()) {
            Some(Versioned { state: Some(product), .. }) => product.clone(),
            Some(_) => return Err(refusals::withdrawn_at(sku, place())),
            None => return Err(refusals::no_product_at(sku, place())),
        };
        // There is room, and the sum is within the limit: both were checked.
        let before = cart.lines.iter().find(|line| line.sku == *sku);
        let before = before.map_or(0, |line| line.quantity);
        cart.put(product, before + quantity);
    }
    check_total(&cart)?;
    store::cart::open(tx.db(), &cart).await?;
    unit.commit().await?;
    Ok(NewThing(cart))
}

/// The same quantity at the same price changes nothing.
pub(crate) async fn put_item(
    State(handle): State<Handle>,
    caller: Caller,
    Path(ItemPath { cart_id, sku }): Path<ItemPath>,
    Json(quantity): Json<Quantity>,
) -> Result<FoundThing<Cart>, Problem> {
    let quantity = quantity.checked()?;
    let mut unit = handle.unit().await?;
    let mut tx = unit.tx();
    let now = tx.now();
    let mut cart = to_change(&mut tx, cart_id, &caller).await?;
    let product = for_sale(&sku, copies::get::<Product>(tx.db(), sku.as_str()).await?)?;
    if cart.put(product, quantity).ok_or_else(|| refusals::full(cart_id))? {
        check_total(&cart)?;
        store::cart::save(tx.db(), &mut cart, now).await?;
    }
    unit.commit().await?;
    Ok(FoundThing(cart))
}

pub(crate) async fn remove_item(
    State(handle): State<Handle>,
    caller: Caller,
    Path(ItemPath { cart_id, sku }): Path<ItemPath>,
) -> Result<FoundThing<Cart>, Problem> {
    let mut unit = handle.unit().await?;
    let mut tx = unit.tx();
    let now = tx.now();
    let mut cart = to_change(&mut tx, cart_id, &caller).await?;
    if cart.remove(&sku) {
        store::cart::save(tx.db(), &mut cart, now).await?;
    }
    unit.commit().await?;
    Ok(FoundThing(cart))
}

pub(crate) async fn clear(
    State(handle): State<Handle>,
    caller: Caller,
    Path(cart_id): Path<CartId>,
) -> Result<FoundThing<Cart>, Problem> {
    let mut unit = handle.unit().await?;
    let mut tx = unit.tx();
    let now = tx.now();
    let mut cart = to_change(&mut tx, cart_id, &caller).await?;
    if cart.clear() {
        store::cart::save(tx.db(), &mut cart, now).await?;
        let (customer_id, reason) = (cart.customer_id, ClearReason::Customer);
        tx.publish(&CartCleared { cart_id, customer_id, reason, order_id: None }).await?;
    }
    unit.commit().await?;
    Ok(FoundThing(cart))
}

async fn to_change(tx: &mut Tx<'_>, cart_id: CartId, caller: &Caller) -> Result<Cart, Problem> {
    let cart = store::cart::find_to_change(tx.db(), cart_id).await?;
    let cart = refusals::own(cart, cart_id, caller)?;
    match cart.status {
        CartStatus::Open => Ok(cart),
        CartStatus::CheckedOut | CartStatus::Closed => Err(refusals::not_open(&cart)),
    }
}

fn for_sale(sku: &Sku, version: Option<Versioned<Product>>) -> Result<Product, Problem> {
    let version = version.ok_or_else(|| refusals::no_product(sku))?;
    version.state.ok_or_else(|| refusals::withdrawn(sku))
}

/// Checks before the checkout would refuse the cart.
fn check_total(cart: &Cart) -> Result<(), Problem> {
    total(&cart.lines).map(drop).map_err(Problem::conflict)
}
