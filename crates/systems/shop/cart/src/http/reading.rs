//! The routes that read.

use axum::extract::State;
use ballet::Handle;
use ballet::http::{Json, Path, Problem, Query};
use ballet::openapi::FoundThing;
use common::paging::{After, Page};
use shop_events::CartId;
use shop_events::access::Caller;

use crate::cart::Cart;
use crate::{refusals, store};

pub(crate) async fn list(
    State(handle): State<Handle>,
    caller: Caller,
    Query(After { after, limit }): Query<After<CartId>>,
) -> Result<Json<Page<Cart>>, Problem> {
    let carts = store::cart::page(handle.db(), caller.only(), after, limit).await?;
    Ok(Json(Page::new(carts, limit, |cart| cart.cart_id)))
}

pub(crate) async fn read(
    State(handle): State<Handle>,
    caller: Caller,
    Path(cart_id): Path<CartId>,
) -> Result<FoundThing<Cart>, Problem> {
    let cart = store::cart::find(handle.db(), cart_id).await?;
    refusals::own(cart, cart_id, &caller).map(FoundThing)
}
