//! Groups of dead letters: each is exactly the letters that it shows, and keeps its place.

use reqwest::StatusCode;

use crate::test_console::{PLACED, RESERVED, TestConsole};

const ROW: &str = "<li class=\"row stuck\">";
const CAUSE: &str = "<li class=\"stuck\"><a href=\"/sagas?state=stuck&amp;service";

fn link(page: &str, row: &str, says: &str) -> String {
    let of = page.split(row).skip(1).find(|of| of.contains(says));
    let of = of.unwrap_or_else(|| panic!("no row says {says:?}: {page}"));
    let at = of.find("/dead-letters/act?").unwrap_or_else(|| panic!("no link: {of}"));
    of[at..].split('"').next().expect("a link").replace("&amp;", "&")
}

fn fields(act: &str) -> &str {
    act.split_once('?').expect("fields").1
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_two_groups_that_differ_after_a_digit_is_acted_on_alone() {
    let world = TestConsole::new("console_groups").await;
    let folder = std::env::temp_dir().join(format!("ballet-groups-{}", world.id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let archive = folder.clone();
    let console = world.console_with(|options| options.archive = archive).await;
    let operator = console.browser().await;
    let groups = [("quantity", 3), ("sku", 2)];
    for (field, count) in groups {
        for line in 0..count {
            let saga = world.id();
            let detail = format!("the body does not fit the contract at lines[{line}].{field}");
            let dead = world.dead("inventory", PLACED, saga, &detail, b"{}");
            world.publish(vec![world.event(PLACED, saga, None, "{}"), dead]).await;
        }
    }
    // From either page exactly the row's letters are selected.
    for (from, row) in [("/dead-letters", ROW), ("/", CAUSE)] {
        for (field, count) in groups {
            let counted = format!("<span class=\"count\">{count}</span>");
            operator.until(from, &counted).await;
            let page = operator.until(from, &format!("].{field}")).await;
            let act = link(&page, row, &format!("].{field}"));
            let page = operator.until(&act, "Which they are").await;
            assert!(page.contains(&format!("Send {count} back")), "{from}: {act}: {page}");
        }
    }
    let (_, page) = operator.get("/dead-letters").await;
    let act = link(&page, ROW, "].sku");
    let discard = format!("act=discard&why=a+test&{}", fields(&act));
    let slip = operator.act(&act, "/dead-letters/act", &format!("{discard}&sure=3")).await;
    assert!(slip.0 == StatusCode::BAD_REQUEST && slip.1.contains("There are 2"), "{}", slip.1);
    let (status, action) =
        operator.act(&act, "/dead-letters/act", &format!("{discard}&sure=2")).await;
    assert_eq!(status, StatusCode::SEE_OTHER, "{action}");
    let page = operator.until(&action, "2 of 2 were discarded").await;
    assert!(page.contains("lines[#].sku"), "the trail says which: {page}");
    let file =
        std::fs::read_dir(&folder).expect("a folder").next().expect("a file").expect("a file");
    let lines = std::fs::read_to_string(file.path()).expect("text");
    assert!(lines.contains("lines[0].sku") && lines.contains("lines[1].sku"), "{lines}");
    let page = operator.until("/dead-letters", "<span class=\"quiet\">3</span>").await;
    assert!(page.contains("].quantity") && !page.contains("].sku"), "{page}");
    std::fs::remove_dir_all(&folder).ok();
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_binding_took_is_seen_sent_on_and_discarded() {
    let world = TestConsole::new("console_unrouted").await;
    let folder = std::env::temp_dir().join(format!("ballet-unrouted-{}", world.id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let archive = folder.clone();
    let console = world.console_with(|options| options.archive = archive).await;
    let operator = console.browser().await;
    world.unbind("payments", RESERVED).await;
    let lost = world.event(RESERVED, world.id(), None, r#"{"a":17}"#);
    let id = lost.properties.message_id().as_ref().map(ToString::to_string).expect("an id");
    let misspelt = world.event("inventory.stock_resevred.v1", world.id(), None, "{}");
    world.publish(vec![lost, misspelt]).await;
    let page = operator.until("/dead-letters", "goes to payments").await;
    let nobodys = link(&page, ROW, "no service declares its type");
    let page = operator.until(&format!("/dead-letters/unrouted/{id}"), "No binding took it").await;
    assert!(page.contains("ballet topology repair") && !page.contains("Edit its body"), "{page}");
    let edit = format!("/dead-letters/unrouted/{id}/edit");
    assert_eq!(operator.get(&edit).await.0, StatusCode::NOT_FOUND);

    // Only the one with a consumer is sent on.
    let all = "/dead-letters/act?service=unrouted";
    let page = operator.until(all, "Which they are").await;
    assert!(page.contains("Send 1 on") && page.contains("Discard 2"), "{page}");
    let sent = format!("act=redrive&why=it+is+bound&{}", fields(all));
    let (status, action) = operator.act(all, "/dead-letters/act", &sent).await;
    assert_eq!(status, StatusCode::SEE_OTHER, "{action}");
    operator.until(&action, "1 of 1 sent to their services").await;
    world.handles("payments", &id, "payments.payment_authorized.v1").await;
    let discard = format!("act=discard&why=misspelt&sure=1&{}", fields(&nobodys));
    let (_, action) = operator.act(&nobodys, "/dead-letters/act", &discard).await;
    let page = operator.until(&action, "1 of 1 were discarded").await;
    assert!(!page.contains("its address is not known"), "{page}");
    operator.until("/dead-letters", "There is none.").await;
    std::fs::remove_dir_all(&folder).ok();
    world.close().await;
}
