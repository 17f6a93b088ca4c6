//! An operator's day in headless Chromium. It leaves pictures of each page at two widths in target/console.

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ballet_stage::{left_out, wait_until};
use ballet_testkit::WebBrowser;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use crate::test_console::{PLACED, RESERVED, RunningConsole, SOON, TestConsole};

const ACCESSIBLE: &str = include_str!("accessible.js");
/// A width, and whether it is looked at in the dark.
const LOOKS: [(u16, bool); 2] = [(390, false), (1280, true)];

struct BrowserPerson {
    browser: WebBrowser,
    at: String,
    /// Reported at the end.
    wrong: Mutex<Vec<String>>,
}

impl BrowserPerson {
    fn at(browser: WebBrowser, console: &RunningConsole) -> Self {
        Self { browser, at: format!("http://{}", console.address), wrong: Mutex::default() }
    }

    async fn logs_in(&self, name: &str, password: &str) {
        self.browser.open(&format!("{}/login", self.at)).await.expect("a page");
        self.browser.fill("[name=name]", name).await.expect("a field");
        self.browser.fill("[name=password]", password).await.expect("a field");
        self.clicks("form.login button").await;
    }

    async fn opens(&self, path: &str) {
        self.browser.open(&format!("{}{path}", self.at)).await.expect("a page");
    }

    async fn clicks(&self, selector: &str) {
        let what = format!("a click on {selector}");
        let clicked = wait_until(&what, SOON, || async {
            match self.browser.click(selector).await {
                Ok(()) => Ok(Some(())),
                // The page was just updated.
                Err(error) if error.contains("stale element") => Err(error),
                Err(error) => panic!("{selector}: {error}"),
            }
        });
        clicked.await.unwrap_or_else(|expired| panic!("{expired}"));
    }

    /// Waits for this without loading the page again.
    async fn sees(&self, says: &str) {
        let what = format!("the page to say {says:?}");
        let last = wait_until(&what, SOON, || async {
            let text = self.browser.text().await.unwrap_or_default();
            if text.contains(says) { Ok(Some(())) } else { Err(text) }
        });
        last.await.unwrap_or_else(|expired| panic!("{expired}"));
    }

    /// Loads it again until then.
    async fn finds(&self, path: &str, says: &str) {
        let is_first = AtomicBool::new(true);
        let what = format!("{path} to say {says:?}");
        let found = wait_until(&what, SOON, || async {
            if !is_first.swap(false, Ordering::Relaxed) {
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
            self.opens(path).await;
            let text = self.browser.text().await.unwrap_or_default();
            if text.contains(says) { Ok(Some(())) } else { Err(text) }
        });
        found.await.unwrap_or_else(|expired| panic!("{expired}"));
    }

    /// Checks both looks: accessible, nothing refused by its policy, and a picture is left.
    async fn looks(&self, name: &str) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../target/console");
        std::fs::create_dir_all(&folder).expect("a folder");
        for (width, dark) in LOOKS {
            self.browser.look(width, 900, dark).await.expect("a width");
            let wrong = self.browser.run(ACCESSIBLE).await.expect("a look");
            let wrong = wrong.as_array().map(Vec::as_slice).unwrap_or_default();
            let wrong = wrong.iter().map(|one| format!("{name}, {width} wide, dark {dark}: {one}"));
            self.wrong.lock().expect("whole").extend(wrong);
            let picture = self.browser.picture().await.expect("a picture");
            let picture = BASE64_STANDARD.decode(picture).expect("a picture");
            std::fs::write(folder.join(format!("{name}-{width}.png")), picture).expect("written");
        }
        self.browser.look(1280, 900, false).await.expect("a width");
        let complaints = self.browser.complaints().await.expect("a log");
        let complaints = complaints.iter().map(|one| format!("{name}: {one}"));
        self.wrong.lock().expect("whole").extend(complaints);
        let nodes = self.browser.for_screen_readers().await.expect("a tree");
        let main =
            nodes.as_array().into_iter().flatten().any(|node| node["role"]["value"] == "main");
        assert!(main, "{name}: a screen reader finds no main part");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_finds_the_hanging_saga_sees_why_mends_it_and_sees_it_go_on() {
    let Some(browser) = WebBrowser::start().await else {
        return left_out("chromedriver");
    };
    let world = TestConsole::new("console_day").await;
    let console = world.console().await;
    let first = console.first.as_ref().expect("the first start");
    let (saga, order) = (world.id(), world.id());
    let detail = "lines is no list <script>window.bitten=1</script>";
    let body = format!(r#"{{"lines":"none","order_id":"{order}"}}"#);
    let dead = world.dead("payments", RESERVED, saga, detail, body.as_bytes());
    let id = dead.properties.message_id().as_ref().map(ToString::to_string).expect("an id");
    let placed = world.event(PLACED, saga, None, &format!(r#"{{"order_id":"{order}"}}"#));
    let odd = world.event("orders.order_odd.v1", saga, None, "{}");
    world.publish(vec![placed, odd, world.event(RESERVED, saga, None, "{}"), dead]).await;

    let person = BrowserPerson::at(browser, &console);
    person.opens("/").await;
    person.looks("login").await;
    person.logs_in(first.name, &first.password).await;
    // The saga is two clicks away.
    person.finds("/", "lines is no list").await;
    person.looks("now").await;
    person.clicks(".causes a").await;
    person.sees(&saga.to_string()[24..]).await;
    person.looks("sagas").await;
    person.clicks(".row a.id").await;
    person.sees("has not acted on inventory.stock_reserved.v1").await;
    person.sees("<script>window.bitten=1</script>").await;
    let bitten = person.browser.run("return window.bitten ?? 0").await.expect("a number");
    assert_eq!(bitten, 0);
    person.looks("saga").await;
    person.clicks(".waits a").await;
    person.sees("Edit its body").await;
    person.opens("/dead-letters").await;
    person.sees("Send back or discard").await;
    person.looks("dead-letters").await;
    person.clicks(".row summary").await;
    person.clicks(".letters a").await;
    person.sees("Edit its body").await;
    person.looks("dead-letter").await;
    person.clicks("nav.acts a[href$=edit]").await;
    let mended = format!(r#"{{"lines": [], "order_id": "{order}"}}"#);
    person.browser.fill("textarea[name=body]", &mended).await.expect("a field");
    person.browser.fill("[name=why]", "a typing error").await.expect("a field");
    person.looks("edit").await;
    person.clicks("form.act button").await;
    person.sees("It has a new body").await;
    person.looks("action").await;

    // The service handles it, and the open page shows it.
    let act = "/dead-letters/act?service=payments&reason=failed";
    person.opens(act).await;
    person.looks("send-back").await;
    person.browser.fill("[name=why]", "it is mended").await.expect("a field");
    person.clicks("button[value=redrive]").await;
    world.handles("payments", &id, "payments.payment_authorized.v1").await;
    person.sees("1 of 1 were sent back").await;
    person.finds(&format!("/sagas/{saga}"), "waiting").await;
    person.sees("by operator").await;
    person.looks("saga-mended").await;
    person.finds("/", "No saga hangs.").await;
    for (page, name) in [
        ("/actions", "actions"),
        ("/events", "events"),
        ("/events/inventory.stock_reserved.v1", "event"),
        ("/tail", "tail"),
        (&format!("/sagas/{saga}/stop"), "stop"),
        (&format!("/sagas/{saga}/solved"), "solved"),
        (&format!("/sagas/{saga}/answer"), "answer"),
        ("/sagas?q=none", "nothing"),
    ] {
        person.opens(page).await;
        person.looks(name).await;
    }
    person.opens("/tail?type=order_placed").await;
    let another = world.id();
    tokio::time::timeout(SOON, async {
        loop {
            world.publish(vec![world.event(PLACED, another, None, "{}")]).await;
            let text = person.browser.text().await.expect("text");
            if text.contains(&another.to_string()[24..]) {
                break;
            }
        }
    })
    .await
    .expect("the tail goes on by itself");

    // It knows the faults around the services. One session is for both.
    let looked =
        world.console_with(|options| options.management = Some(world.env.management_url())).await;
    let person = BrowserPerson { at: format!("http://{}", looked.address), ..person };
    for (page, name, says) in [
        ("/services", "services", ", looked at"),
        ("/dead-letters", "unrouted", "no service declares its type"),
        ("/dead-letters/act?service=unrouted", "send-on", "Discard"),
    ] {
        person.finds(page, says).await;
        person.looks(name).await;
    }

    let wrong = person.wrong.into_inner().expect("whole");
    assert!(wrong.is_empty(), "{wrong:#?}");
    person.browser.close().await.expect("closed");
    world.close().await;
}
