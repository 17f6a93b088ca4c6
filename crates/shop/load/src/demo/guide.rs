//! Prints the addresses of the demo and commands to try. All lines fit 80 columns: addresses with passwords, and
//! tokens, are in a file for the shell.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use ballet_stage::write_exports;
use serde_json::json;

use crate::customer::{BUYS, SELLS, SUPPORTS};
use crate::open_shop::OpenShop;
use ballet_terminal::ui;
use ballet_trials::{DemoConsole, demo_console};

/// Commands for a shell that has read the file.
pub const HINTS: &str = include_str!("hints.txt");

/// The directory of the contracts.
const CONTRACTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../docs/contracts/shop");

/// Two customers: the subjects of their tokens.
const ALICE: &str = "0193f7a0-0000-7000-8000-00000000a11c";
const BOB: &str = "0193f7a0-0000-7000-8000-000000000b0b";

/// The file for the shell, beside the directories of the runs. It always belongs to the last demo.
const ENV: &str = "env";
/// The options of every curl in such a shell: no progress, and a line of its own for the prompt.
const CURL: &str = "silent\nshow-error\nwrite-out = \"\\n\"\n";

/// Prints where the user can look around, and commands to try. The console stops when the returned value is
/// dropped.
pub(crate) async fn show(shop: &OpenShop) -> Result<Option<DemoConsole>> {
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
    row("logs", &near(shop.logs()).display().to_string());
    row("for your shell", &format!(". {}", near(&shell).display()));
    row("", "then `psql $ORDERS_DATABASE_URL`, `cargo ballet dlq groups`, and");
    row("", "the lines below; `cargo xtask audit` checks everything at any time");
    let services: Vec<&'static str> =
        shop.stage.services.iter().map(|service| service.launch.name).collect();
    let contracts = Path::new(CONTRACTS);
    let console = match demo_console(&shop.stage, &services, shop.logs(), contracts).await {
        Ok(console) => Some(console),
        Err(error) => {
            ui::say(&format!("there is no console: {error:#}"));
            None
        }
    };
    ui::print(&format!("\n{}", ui::bold("What to try, in another terminal")));
    let hints = HINTS.replace("target/demo/env", &near(&shell).display().to_string());
    for line in hints.lines() {
        let comment = line.starts_with('#');
        ui::print(
            format!("  {}", if comment { ui::dim(line) } else { line.to_owned() }).trim_end(),
        );
    }
    ui::print("");
    Ok(console)
}

/// Writes the file for the shell. Only its owner may read it, because it holds passwords and tokens.
async fn write(shop: &OpenShop) -> Result<PathBuf> {
    let dir = shop.logs();
    let file = dir.join(ENV);
    write_exports(&file, &variables(shop).await?)?;
    let written = fs::write(dir.join(".curlrc"), CURL);
    let checkout = json!({
        "customer_id": ALICE,
        "lines": [{ "sku": "creme", "quantity": 1,
            "unit_price": { "amount_minor": 1900, "currency": "EUR" } }],
        "card_token": "card_approved",
        "ship_to": { "name": "Alice", "street": "Am Hafen 3", "postal_code": "20457",
            "city": "Hamburg", "country": "DE" },
    });
    let written =
        written.and_then(|()| fs::write(dir.join("checkout.json"), format!("{checkout:#}\n")));
    written.with_context(|| format!("cannot write to {}", dir.display()))?;
    let link = dir.parent().unwrap_or(dir).join(ENV);
    // The link belongs to an earlier demo, or does not exist.
    fs::remove_file(&link).ok();
    symlink(&file, &link).with_context(|| format!("cannot create {}", link.display()))?;
    Ok(link)
}

async fn variables(shop: &OpenShop) -> Result<Vec<(String, String)>> {
    let (OpenShop { stage, gateway, .. }, dir) = (shop, shop.logs());
    let bearer = |token: String| format!("Authorization: Bearer {token}");
    let path = |path: &Path| path.display().to_string();
    let mut all = vec![
        ("SHOP".to_owned(), gateway.url.clone()),
        ("ALICE".to_owned(), bearer(gateway.token(ALICE, BUYS).await?)),
        ("BOB".to_owned(), bearer(gateway.token(BOB, BUYS).await?)),
        ("MERCHANT".to_owned(), bearer(gateway.token("merchant", SELLS).await?)),
        ("SUPPORT".to_owned(), bearer(gateway.token("support", SUPPORTS).await?)),
        ("JSON".to_owned(), "Content-Type: application/json".to_owned()),
        ("CHECKOUT".to_owned(), path(&dir.join("checkout.json"))),
        ("CURL_HOME".to_owned(), path(dir)),
        ("GATEWAY".to_owned(), path(gateway.program())),
        ("CONFIG".to_owned(), path(&gateway.config())),
        ("KEYS".to_owned(), path(&gateway.keys())),
        ("STOREFRONT_URL".to_owned(), stage.env.amqp_url("storefront").to_owned()),
        // The shell may have read the file of another system's demo before.
        ("BALLET_CONTRACTS".to_owned(), path(&fs::canonicalize(CONTRACTS)?)),
    ];
    all.extend(stage.variables());
    Ok(all)
}

/// Returns the path relative to the working directory, if it is below that.
fn near(path: &Path) -> PathBuf {
    let here = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(&here).unwrap_or(path).to_owned()
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
