//! What a customer does in an explored schedule.

use anyhow::{Result, bail};
use ballet_trials::{Move, Site, SiteClient};
use reqwest::{Method, StatusCode};
use serde_json::Value;

use crate::load::cases::{self, CASES};
use crate::load::customers::{STOREFRONT, check_out, open_cart};

/// A customer orders the same product twice, the second time from a cart if that is possible, and may cancel the first
/// order.
pub(crate) async fn moves(site: &Site, number: usize) -> Result<Vec<Move<'_>>> {
    let client = SiteClient::new(site, 0);
    let orders = [("orders", number), ("orders the same", number + 4 * CASES.len() / 2)];
    let (customer, first) = (site.new_id(), site.new_id());
    let mut moves = Vec::new();
    for ((name, number), saga) in orders.into_iter().zip([first, site.new_id()]) {
        // The number chooses the product, and also the case.
        let case = &CASES[number / 4 % CASES.len()];
        let checkout = cases::checkout(case, number, customer)?;
        if saga != first && case.is_from_a_cart(number) {
            let cart = open_cart(client, &checkout).await?;
            moves.push(Move::new("checks a cart out", move || {
                let checkout = checkout.clone();
                async move { check_out(client, cart, &checkout).await.map(|_| true) }
            }));
            continue;
        }
        moves.push(Move::new(name, move || {
            let checkout = checkout.clone();
            async move { site.publish(STOREFRONT, saga, &checkout).await.map(|()| true) }
        }));
    }
    let cancel = Move::new("cancels the first order", move || async move {
        let path = format!("/orders/{first}/cancel");
        let (status, answer) = client.ask(Method::POST, "orders", &path, &Value::Null).await?;
        match status {
            StatusCode::NOT_FOUND => Ok(false),
            _ if status.is_success() || status == StatusCode::CONFLICT => Ok(true),
            _ => bail!("POST {path} answered {status}: {answer}"),
        }
    });
    moves.push(cancel.optional());
    Ok(moves)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use ballet_trials::schedules;

    use crate::load::trial::ShopTrial;

    #[tokio::test]
    async fn no_schedule_breaks_a_rule_of_the_shop() {
        let time = Duration::from_secs(120);
        let all = schedules(ShopTrial::default(), 1, 40, time).await;
        let all = all.unwrap_or_else(|failed| panic!("{failed}"));
        eprintln!("{} schedules in {:.1} s", all.schedules, all.took.as_secs_f64());
        assert!(all.actions > 10, "{all:?}");
    }
}
