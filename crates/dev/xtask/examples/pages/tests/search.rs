//! The search of the site in a real browser, from files, as a reader has them.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use ballet_stage::{left_out, wait_until};
use ballet_testkit::WebBrowser;

use crate::site;

const SOON: Duration = Duration::from_secs(30);
const INPUT: &str = ".search input";

/// Waits until a script returns this.
async fn until(browser: &WebBrowser, script: &str, expected: &str) {
    let reached = wait_until(script, SOON, || async {
        let found = browser.run(script).await?;
        let found = found.as_str().map_or_else(|| found.to_string(), str::to_owned);
        if found.contains(expected) { Ok(Some(())) } else { Err(found) }
    });
    reached.await.unwrap_or_else(|error| panic!("{expected}: {error}"));
}

/// Presses a key where the focus is.
async fn press(browser: &WebBrowser, key: &str) {
    let script = format!(
        "document.activeElement.dispatchEvent(new KeyboardEvent('keydown', \
         {{ key: '{key}', bubbles: true, cancelable: true }}))"
    );
    browser.run(&script).await.expect("a key");
}

async fn searches(browser: &WebBrowser, out: &Path) {
    let page = |page: &str| format!("file://{}", out.join(page).display());
    for (width, height) in [(390, 800), (1280, 800)] {
        browser.look(width, height, false).await.expect("a size");
        browser.open(&page("docs/code.html")).await.expect("a page");
        press(browser, "/").await;
        until(browser, "return document.activeElement.type", "search").await;

        browser.fill(INPUT, "tombstone takes effect").await.expect("a field");
        until(browser, "return document.querySelector('.found').innerText", "How it works").await;
        let fits = "return document.documentElement.scrollWidth <= innerWidth";
        until(browser, fits, "true").await;
        press(browser, "ArrowDown").await;
        until(browser, "return document.activeElement.tagName", "A").await;
        press(browser, "Escape").await;
        until(browser, "return document.querySelector('.found').hidden", "true").await;

        browser.fill(INPUT, "qqq <b>zzz").await.expect("a field");
        let said = "Nothing found for “qqq <b>zzz”";
        until(browser, "return document.querySelector('.found').innerText", said).await;

        // A page in another folder, and a heading of it.
        browser.fill(INPUT, "A message has its effect once").await.expect("a field");
        let first = "return document.querySelector('.found a').innerText";
        until(browser, first, "Guarantees").await;
        browser.click(".found a").await.expect("a result");
        until(browser, "return location.href", &page("index.html#guarantees")).await;
    }
    assert_eq!(browser.complaints().await.expect("messages"), [""; 0]);
}

#[tokio::test]
async fn a_reader_searches_the_site_from_files_by_keyboard_and_on_a_phone() {
    let Some(browser) = WebBrowser::start().await else {
        return left_out("chromedriver");
    };
    let out = std::env::temp_dir().join(format!("ballet-site-{}", std::process::id()));
    let made = site::run(&site::Args { out: out.clone(), check: false });
    assert_eq!(made.expect("a site"), ExitCode::SUCCESS);
    searches(&browser, &out).await;
    browser.close().await.expect("an end");
    std::fs::remove_dir_all(&out).expect("removed");
}
