//! `cargo xtask picture`: takes a picture of a page of a demo for the docs, with Chromium.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use ballet_stage::{Child, Children, WebBrowser};
use ballet_terminal::ui;
use ballet_trials::CONSOLE_SAYS;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use clap::ValueEnum;
use serde_json::Value;

use crate::process::cargo;

/// The time that the demo has to show something, and to end.
const PATIENCE: Duration = Duration::from_secs(300);
const LOOK: Duration = Duration::from_millis(200);
/// The time that a page with motion has to be drawn.
const DRAWN: Duration = Duration::from_secs(6);
/// The number of rides that are over, and of drivers who are asked, when the picture is taken.
const OVER: u64 = 20;
const ASKED: usize = 4;

/// A page that a demo shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum DemoPage {
    /// The map of the rides
    Rides,
    /// The operators' console of the shop
    Console,
}

impl DemoPage {
    const fn demo(self) -> &'static str {
        match self {
            Self::Rides => "rides",
            Self::Console => "shop",
        }
    }

    const fn file(self) -> &'static str {
        match self {
            Self::Rides => "docs/rides/map.png",
            Self::Console => "docs/console.png",
        }
    }

    /// The text before the address in the demo's output.
    const fn says(self) -> &'static str {
        match self {
            Self::Rides => "a map of the town is at ",
            Self::Console => CONSOLE_SAYS.0,
        }
    }
}

/// The options of `picture`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The page.
    #[arg(value_enum)]
    page: DemoPage,
    /// The width of the browser, in pixels: 390 is that of a phone.
    #[arg(long, default_value_t = 1200)]
    width: u16,
    /// The height of the browser.
    #[arg(long, default_value_t = 760)]
    height: u16,
    /// Draw it as a browser does that prefers dark pages.
    #[arg(long)]
    dark: bool,
    /// The file [default: that of the docs].
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub(crate) async fn run(args: &Args) -> Result<ExitCode> {
    let out = args.out.clone().unwrap_or_else(|| cargo::root().join(args.page.file()));
    let log = cargo::root().join("target/picture.log");
    let file = fs::File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
    let program = std::env::current_exe().context("cannot find this program")?;
    let children = Children::new()?;
    ui::say("the demo begins");
    let demo = ["demo", args.page.demo()].map(str::to_owned);
    let mut demo = children
        .start(&program, &demo, |command| {
            let said = file.try_clone().map_or_else(|_| Stdio::null(), Stdio::from);
            command.stdout(said).stderr(file);
        })
        .await?;
    let drawn = draw(args, &mut demo, &log, &out).await;
    demo.stop(PATIENCE).await;
    drawn?;
    ui::say(&format!("{} is written", out.display()));
    Ok(ExitCode::SUCCESS)
}

async fn draw(args: &Args, demo: &mut Child, log: &Path, out: &Path) -> Result<()> {
    let begun = Instant::now();
    let address = loop {
        let said = fs::read_to_string(log).unwrap_or_default();
        if let Some(at) =
            said.lines().find_map(|line| line.trim_start().strip_prefix(args.page.says()))
        {
            break at.to_owned();
        }
        ensure!(demo.ended().is_none() && begun.elapsed() < PATIENCE, "no page is shown:\n{said}");
        tokio::time::sleep(LOOK).await;
    };
    let browser = WebBrowser::start().await?;
    browser.look(args.width, args.height, args.dark).await?;
    match args.page {
        DemoPage::Rides => {
            while !is_lively(&address).await {
                ensure!(begun.elapsed() < PATIENCE, "nothing goes on at {address}");
                tokio::time::sleep(LOOK).await;
            }
            browser.open(&format!("{address}?still")).await?;
        }
        DemoPage::Console => {
            let said = fs::read_to_string(log)?;
            let account = said.lines().find_map(|line| line.strip_prefix(CONSOLE_SAYS.1));
            let account = account.and_then(|line| line.split_once(" with the password "));
            let (name, password) = account.context("the demo says no account of the console")?;
            browser.open(&format!("{address}/login")).await?;
            browser.fill("[name=name]", name).await?;
            browser.fill("[name=password]", password).await?;
            browser.click("form.login button").await?;
            while !browser.text().await?.contains("events in a minute") {
                ensure!(begun.elapsed() < PATIENCE, "the console does not open at {address}");
                tokio::time::sleep(LOOK).await;
            }
        }
    }
    tokio::time::sleep(DRAWN).await;
    let picture = browser.picture(false).await?;
    browser.close().await?;
    let picture = BASE64_STANDARD.decode(picture).context("the browser gave no picture")?;
    fs::write(out, picture).with_context(|| format!("cannot write {}", out.display()))
}

/// Whether enough goes on in the town for a picture.
async fn is_lively(address: &str) -> bool {
    let Ok(answer) = reqwest::get(format!("{address}now.json")).await else { return false };
    let Ok(now) = answer.text().await else { return false };
    let now: Value = serde_json::from_str(&now).unwrap_or_default();
    let drivers = now["drivers"].as_array().into_iter().flatten();
    let asked = drivers.filter(|driver| driver["does"] == "asked").count();
    now["ended"]["completed"].as_u64() >= Some(OVER) && asked >= ASKED
}
