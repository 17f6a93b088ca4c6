//! Releases of the shop to rehearse: directories with a program for each service, all of them this test program.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use ballet::bulk::Item;
use ballet::{
    Compensate, CompensateResult, Failure, Migration, Participant, Rows, Service, Settings, Step,
    StepResult, Tx, done,
};
use cart::config::CartSettings;
use clap::Parser;
use jiff::SignedDuration;
use shop_events::OrderFulfillment;
use shop_events::inventory::{StockReleased, StockReservationFailed, StockReserved};
use shop_events::orders::OrderPlaced;
use sqlx::PgConnection;

/// The variable with the service that this program is to be.
const SERVICE: &str = "BALLET_TEST_RELEASE";
/// The inventory of the release that has a bug.
pub(crate) const BROKEN: &str = "inventory-with-a-bug";

pub(crate) fn script(file: &Path, text: &str) {
    std::fs::write(file, format!("#!/bin/sh\n{text}\n")).expect("written");
    std::fs::set_permissions(file, PermissionsExt::from_mode(0o755)).expect("a program");
}

/// Makes one with all services of the shop, and the inventory that has a bug.
pub(crate) fn release(place: &Path) -> PathBuf {
    let release = place.join("release");
    std::fs::create_dir_all(&release).expect("a directory");
    let program = std::env::current_exe().expect("this program").display().to_string();
    let shop = shop::system();
    for name in shop.parts.iter().map(|part| part.service).chain([BROKEN]) {
        let run = format!("'{program}' release::program --exact --nocapture");
        script(&release.join(name), &format!("{SERVICE}={name} exec {run}"));
    }
    release
}

/// The arguments of the program, and the settings of every service.
#[derive(Debug, Parser)]
struct Args {
    #[command(flatten)]
    ballet: Settings,
    test: String,
    #[arg(long)]
    exact: bool,
    #[arg(long)]
    nocapture: bool,
}

/// Not a test, but the entry point of a release's programs.
#[test]
fn program() -> ExitCode {
    let Ok(name) = std::env::var(SERVICE) else { return ExitCode::SUCCESS };
    ballet::main(|args: Args| {
        let service = service(&name, &args.ballet);
        (args.ballet, service)
    })
}

pub(crate) fn service(name: &str, settings: &Settings) -> Service {
    match name {
        "orders" => orders::Orders(SignedDuration::from_mins(10).into()).service(),
        "cart" => cart::Carts(CartSettings::default()).service(),
        "catalog" => catalog::Catalog::service(),
        "inventory" => inventory::Inventory::service(),
        "payments" => payments::Payments::new(common::cards::Sandbox::new(
            settings.database_url.clone().expect("a URL"),
        ))
        .service(),
        "recommendations" => recommendations::Recommendations::service(),
        "shipping" => {
            shipping::Shipping::new(shipping::sandbox::Sandbox::new(Duration::from_millis(20)))
                .service()
        }
        BROKEN => {
            let participant = Participant::new("inventory").saga::<OrderFulfillment>(|saga| {
                saga.compensatable(ReserveStock).retriable(inventory::CommitStock)
            });
            Service::new(participant).migrations(MIGRATIONS)
        }
        unknown => panic!("no release has {unknown}"),
    }
}

const MIGRATIONS: &[Migration] = &[Migration {
    name: "0001_stock",
    sql: include_str!("../../../../../migrations/inventory/0001_stock.sql"),
}];

/// The step with the bug: of teapots it reports one more than it holds.
#[derive(Debug)]
struct ReserveStock;

impl Step for ReserveStock {
    const NAME: &'static str = inventory::ReserveStock::NAME;
    type On = OrderPlaced;
    type Done = StockReserved;
    type Refused = StockReservationFailed;

    async fn touches(
        db: &mut PgConnection,
        orders: &[Item<&OrderPlaced>],
    ) -> Result<Rows, Failure> {
        inventory::ReserveStock::touches(db, orders).await
    }

    async fn run(&self, tx: &mut Tx<'_>, order: OrderPlaced) -> StepResult<Self> {
        let mut held = inventory::ReserveStock.run(tx, order).await?;
        for line in held.lines.iter_mut().filter(|line| line.sku.as_str() == "teapot") {
            line.quantity += 1;
        }
        done(held)
    }
}

impl Compensate for ReserveStock {
    type Compensated = StockReleased;

    async fn compensate(&self, tx: &mut Tx<'_>, held: StockReserved) -> CompensateResult<Self> {
        inventory::ReserveStock.compensate(tx, held).await
    }
}
