//! Prints the addresses of the demo and commands to try. All lines fit 80 columns: addresses with passwords, and
//! tokens, are in a file for the shell.

use std::fs;

use anyhow::{Context, Result};
use serde_json::json;

use crate::customer::{BUYS, SELLS, SUPPORTS};
use crate::open_shop::OpenShop;
use ballet_terminal::ui;
use ballet_trials::{DemoConsole, DemoShell, demo_console};

/// Commands for a shell that has read the file.
pub const HINTS: &str = include_str!("hints.txt");

/// The directory of the contracts.
const CONTRACTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../docs/contracts/shop");

/// Two customers: the subjects of their tokens.
const ALICE: &str = "0193f7a0-0000-7000-8000-00000000a11c";
const BOB: &str = "0193f7a0-0000-7000-8000-000000000b0b";

/// The file for the shell and the console, which a user of the demo has until the value is dropped.
pub(crate) type Shown = (DemoShell, Option<DemoConsole>);

/// Prints where the user can look around, and commands to try.
pub(crate) async fn show(shop: &OpenShop) -> Result<Shown> {
    let shell = write(shop).await?;
    let (servers, env, gateway) = (&shop.stage.servers, &shop.stage.env, &shop.gateway);
    let ops = reqwest::Url::parse(env.ops_amqp_url())?;
    let (user, password) = (ops.username(), ops.password().unwrap_or_default());
    ui::print(&format!("\n{}", ui::bold("Where to look around")));
    let row = |name: &str, text: &str| ui::print(&format!("  {name:<15} {text}"));
    row("the shop", &format!("{:<34} process {}, the gateway", gateway.url, gateway.pid()));
    for service in &shop.stage.services {
        let (name, url) = (service.launch.name, &service.url);
        row(name, &format!("{url:<34} process {}", service.pid()));
    }
    row("", "each with its HTTP document at /openapi.json");
    row(
        "RabbitMQ",
        &format!("{}, virtual host {}", servers.rabbitmq().management_url(), env.vhost()),
    );
    row("", &format!("user {user}, password {password}"));
    row("logs", &shop.logs().display().to_string());
    row("for your shell", &format!(". {shell}"));
    row("", "then `psql $ORDERS_DATABASE_URL`, `cargo ballet dlq groups`, and");
    row("", "the lines below; `cargo xtask audit` checks everything at any time");
    let services: Vec<&'static str> =
        shop.stage.services.iter().map(|service| service.launch.name).collect();
    let console = demo_console(&shop.stage, &services, CONTRACTS.as_ref()).await;
    ui::print(&format!("\n{}", ui::bold("What to try, in another terminal")));
    let hints = HINTS.replace("target/demo/shop/env", &shell.to_string());
    for line in hints.lines() {
        let comment = line.starts_with('#');
        ui::print(
            format!("  {}", if comment { ui::dim(line) } else { line.to_owned() }).trim_end(),
        );
    }
    ui::print("");
    Ok((shell, console))
}

/// Writes the file for the shell, and the checkout that it names.
async fn write(shop: &OpenShop) -> Result<DemoShell> {
    let (OpenShop { stage, gateway, .. }, dir) = (shop, shop.logs());
    let checkout = json!({
        "customer_id": ALICE,
        "lines": [{ "sku": "creme", "quantity": 1,
            "unit_price": { "amount_minor": 1900, "currency": "EUR" } }],
        "card_token": "card_approved",
        "ship_to": { "name": "Alice", "street": "Am Hafen 3", "postal_code": "20457",
            "city": "Hamburg", "country": "DE" },
    });
    let file = dir.join("checkout.json");
    let written = fs::write(&file, format!("{checkout:#}\n"));
    written.with_context(|| format!("cannot write {}", file.display()))?;
    let bearer = |token: String| format!("Authorization: Bearer {token}");
    let mut all = vec![
        ("ALICE".to_owned(), bearer(gateway.token(ALICE, BUYS).await?)),
        ("BOB".to_owned(), bearer(gateway.token(BOB, BUYS).await?)),
        ("MERCHANT".to_owned(), bearer(gateway.token("merchant", SELLS).await?)),
        ("SUPPORT".to_owned(), bearer(gateway.token("support", SUPPORTS).await?)),
        ("CHECKOUT".to_owned(), file.display().to_string()),
        ("STOREFRONT_URL".to_owned(), stage.env.amqp_url("storefront").to_owned()),
    ];
    all.extend(stage.variables());
    DemoShell::write(dir, Some(gateway), Some(&fs::canonicalize(CONTRACTS)?), all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_hint_fits_a_terminal() {
        let long = HINTS.lines().filter(|line| line.chars().count() > 78);
        assert_eq!(long.collect::<Vec<_>>(), [""; 0]);
    }
}
