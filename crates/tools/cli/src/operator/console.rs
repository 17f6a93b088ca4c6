//! `ballet console`: the operators' web page, with its observer of the journal.

use std::io::{IsTerminal, Read};
use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use ballet::core::topology::REDRIVE;
use ballet_console::{Console, Departure, Network, OperatorGroup, Options, Role, TrustedHeader};
use ballet_ops::terminal::{Cell, Table};
use clap::Subcommand;
use jiff::SignedDuration;
use serde_json::json;
use sqlx::postgres::PgConnectOptions;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::base::exit::{ExitStatus, usage};
use crate::base::options::GlobalOptions;
use crate::base::systems::{contracts, services};
use crate::base::ui::{self, age};

/// The name of the console's database, in place of a service's name.
const DATABASE: &str = "console";
/// The minimum length of a password, in characters.
const SHORTEST: usize = 8;

pub(crate) const EXAMPLES: &str = "\
Examples:
  ballet console
  ballet console --listen 127.0.0.1:9000 --keep 14d
  ballet console account ada --role viewer
  ballet console account
  ballet console account ada --remove

It listens on this machine alone unless --listen says otherwise; then put it behind HTTPS, and say
--behind-tls and its --host. Its database is `console` beside those of the services (DATABASE_URL). The first start makes an account
and prints its password once.";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    /// The address to listen on
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7070")]
    listen: SocketAddr,
    /// A name by which browsers reach it, besides addresses and `localhost`; it answers by no other
    #[arg(long, value_name = "NAME")]
    host: Vec<String>,
    /// Browsers reach it through HTTPS: restrict its cookie to that
    #[arg(long)]
    behind_tls: bool,
    /// The header in which the gateway in front says who the person is; nobody logs in. The gateway has to remove it
    /// from requests of others
    #[arg(long, value_name = "NAME")]
    trust_header: Option<String>,
    /// The address of the gateway that may set it, or a network such as 10.0.0.0/8 [default: this machine]
    #[arg(long, value_name = "ADDRESS", requires = "trust_header")]
    trust_from: Vec<Network>,
    /// The group of the identity provider whose members may act; all others may look. Without it accounts say who may
    #[arg(long, value_name = "GROUP", requires = "trust_header", value_parser = group)]
    operators: Option<String>,
    /// The header in which the gateway lists the person's groups; the gateway has to remove it, too
    #[arg(long, value_name = "NAME", default_value = "x-forwarded-groups")]
    trust_groups: String,
    /// How long a stop serves new connections, while `/readyz` is red
    #[arg(long, value_name = "AGE", default_value = "5s", value_parser = age)]
    shutdown_delay: SignedDuration,
    /// The folder to which discarded dead letters are written
    #[arg(long, value_name = "DIR", default_value = ".")]
    archive: PathBuf,
    /// The age up to which entries of the journal are kept
    #[arg(long, value_name = "AGE", default_value = "7d", value_parser = age)]
    keep: SignedDuration,
    /// The time after its cause from which a step is late, if nothing is known to hinder it
    #[arg(long, value_name = "AGE", default_value = "5min", value_parser = age)]
    patience: SignedDuration,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make an account, or give it another password and role. The password is read from the standard input. Without a
    /// name: list all accounts
    Account {
        /// The person's name
        name: Option<String>,
        /// The person's role: `viewer` or `operator`
        #[arg(long, default_value = "viewer", value_parser = role, requires = "name")]
        role: Role,
        /// Remove the account, and end its sessions
        #[arg(long, requires = "name", conflicts_with = "role")]
        remove: bool,
    },
}

fn role(text: &str) -> Result<Role, String> {
    Role::parse(text).ok_or_else(|| "it is viewer or operator".to_owned())
}

fn group(text: &str) -> Result<String, String> {
    if text.trim().is_empty() || text.contains([',', '|']) {
        return Err("it is the name of one group, without commas and bars".to_owned());
    }
    Ok(text.trim().to_owned())
}

pub(crate) async fn run(args: &Args, options: &GlobalOptions) -> Result<ExitStatus> {
    let database = options.database(DATABASE)?;
    let database = database.ok_or_else(|| {
        usage("the console has a database of its own: set DATABASE_URL, with {service} in it")
    })?;
    match &args.command {
        Some(Command::Account { name: None, .. }) => list(database, options).await,
        Some(Command::Account { name: Some(name), remove: true, .. }) => {
            if !Console::remove_account(database, name).await? {
                return Err(usage(format!("the console has no account {name}")));
            }
            ui::say(&format!("{name} has no account of the console any more"));
            Ok(ExitStatus::All)
        }
        Some(Command::Account { name: Some(name), role, .. }) => {
            account(database, name, *role).await
        }
        None => serve(args, options, database).await,
    }
}

async fn list(database: PgConnectOptions, options: &GlobalOptions) -> Result<ExitStatus> {
    let accounts = Console::accounts(database).await?;
    let row = |(name, role): &(String, Role)| json!({ "name": name, "role": role.as_str() });
    let cells = |(name, role): &(String, Role)| [Cell::from(name), Cell::from(role.as_str())];
    let (table, none) = (Table::new(["account", "role"]), "the console has no account");
    ui::list(options.output, &accounts, row, none, table, cells);
    Ok(ExitStatus::All)
}

async fn account(database: PgConnectOptions, name: &str, role: Role) -> Result<ExitStatus> {
    if std::io::stdin().is_terminal() {
        ui::say("type the password, and end it with Ctrl-D");
    }
    let mut text = String::new();
    std::io::stdin().take(1024).read_to_string(&mut text).context("the password")?;
    let password = text.trim_end_matches(['\r', '\n']);
    if password.chars().count() < SHORTEST {
        return Err(usage(format!("a password has at least {SHORTEST} characters")));
    }
    Console::set_account(database, name, role, password).await?;
    ui::say(&format!("{name} is {} of the console", role.as_str()));
    Ok(ExitStatus::All)
}

async fn serve(
    args: &Args,
    options: &GlobalOptions,
    database: PgConnectOptions,
) -> Result<ExitStatus> {
    let databases = options.databases(&services()?)?;
    let (stop, asked) = watch::channel(false);
    let console = Console::open(Options {
        contracts: contracts()?,
        broker: options.broker_as(REDRIVE)?,
        database,
        databases,
        listen: args.listen,
        hosts: args.host.clone(),
        is_behind_tls: args.behind_tls,
        departure: Departure::new(asked, args.shutdown_delay.unsigned_abs()),
        keep: args.keep,
        patience: args.patience,
        management: Some(options.management_address()),
        trusted: args.trust_header.clone().map(|header| {
            let groups = args.trust_groups.to_lowercase();
            let operators =
                args.operators.clone().map(|name| OperatorGroup { name, header: groups });
            TrustedHeader {
                header: header.to_lowercase(),
                from: args.trust_from.clone(),
                operators,
            }
        }),
        archive: args.archive.clone(),
        clock: options.clock.clone(),
    })
    .await?;
    ui::say(&format!("the console is at http://{}", console.address));
    if let Some(first) = &console.first {
        ui::say(&format!("log in as {} with the password {}", first.name, first.password));
    }
    let mut ended = signal(SignalKind::terminate())?;
    let mut served = Box::pin(console.run());
    tokio::select! {
        served = served.as_mut() => served?,
        _ = tokio::signal::ctrl_c() => {}
        _ = ended.recv() => {
            stop.send_replace(true);
            tokio::select! {
                served = served => served?,
                _ = tokio::signal::ctrl_c() => {}
            }
        }
    }
    Ok(ExitStatus::All)
}
