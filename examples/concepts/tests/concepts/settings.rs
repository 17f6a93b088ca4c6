//! Tests of the example `settings`.

use ballet_testkit::TestSystem;
use std::fs;
use std::process::Command;

use ballet_stage::{Children, ServiceLaunch, ServiceProcess, wait_until};
use clap::{CommandFactory, FromArgMatches};
use concepts::settings::{self, FoyerFilled, FoyerSettings, GuestGreeted};
use concepts::ticket_order::OrderConfirmed;
use concepts::upcast::GuestsCounted;
use reqwest::Client;

use crate::answers::SOON;

const FOYER: &str = env!("CARGO_BIN_EXE_foyer");

#[derive(Debug, clap::Parser)]
struct Defaults {
    #[command(flatten)]
    foyer: FoyerSettings,
}

pub(crate) fn defaults() -> FoyerSettings {
    let none = Defaults::command().try_get_matches_from(["foyer"]).expect("defaults");
    Defaults::from_arg_matches(&none).expect("defaults").foyer
}

#[tokio::test]
async fn the_program_takes_its_settings_from_the_environment() {
    let system = TestSystem::asleep("settings", vec![settings::service(defaults()).part()]).await;
    let children = Children::new().expect("a watchdog");
    let log = format!("{}/{}.log", env!("CARGO_TARGET_TMPDIR"), system.env.vhost());
    let set = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let launch = ServiceLaunch {
        name: "foyer",
        program: FOYER.into(),
        env: vec![set("FOYER_GREETING", "Good evening"), set("FOYER_CAPACITY", "5")],
        isolated: true,
        amqp_url: system.env.amqp_url("foyer").to_owned(),
        database_url: system.env.database_url("foyer").to_owned(),
        log: log.clone().into(),
    };
    let mut foyer = ServiceProcess::start(&children, launch).await.expect("a process");
    let client = Client::new();
    foyer.ready().await.expect("ready");

    let order_id = system.new_id();
    let order = OrderConfirmed { order_id, guest: "Ada".to_owned(), seats: 1 };
    system.publish(order_id, &order).await;
    assert_eq!(system.event::<GuestGreeted>(order_id).await.text, "Good evening, Ada!");

    for (adults, children) in [(3, 1), (1, 1), (2, 0)] {
        let counted = GuestsCounted { screen: "one".to_owned(), adults, children };
        system.publish_plain(&counted).await;
    }
    let url = format!("{}/guests", foyer.url);
    wait_until("all guests", SOON, || async {
        let guests = async { client.get(&url).send().await?.json::<i64>().await };
        let guests = guests.await.map_err(|error| error.to_string())?;
        if guests == 8 { Ok(Some(())) } else { Err(format!("{guests} guests")) }
    })
    .await
    .expect("all guests");
    let filled = wait_until("a full foyer", SOON, || async {
        let filled = system.all_events::<FoyerFilled>().await;
        Ok::<_, String>(Some(filled).filter(|filled| !filled.is_empty()))
    });
    let filled: Vec<i64> =
        filled.await.expect("it is full").into_iter().map(|event| event.guests).collect();
    assert_eq!(filled, [6], "it is filled once");

    foyer.stop().await;
    fs::remove_file(log).expect("a log");
    system.close(0).await;
}

#[test]
fn a_wrong_setting_ends_the_program_and_is_named() {
    let mut foyer = Command::new(FOYER);
    foyer.env_clear().envs([
        ("AMQP_URL", "amqp://foyer:secret@127.0.0.1:1/cinema"),
        ("DATABASE_URL", "postgres://foyer:secret@127.0.0.1:1/foyer"),
        ("FOYER_CAPACITY", "0"),
    ]);
    let output = foyer.output().expect("an output");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{said}");
    assert!(said.contains("--foyer-capacity") && said.contains("0 is not in 1..=65535"), "{said}");
}
