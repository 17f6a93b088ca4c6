//! An operator looks what a repair of the topology would do, and does it.

use ballet_console::{Console, Role};
use ballet_stage::{Database, Servers};
use reqwest::StatusCode;

use crate::test_console::{RESERVED, SOON, TestConsole, contracts};

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_repairs_the_topology_after_a_look_at_what_would_be_done() {
    let world = TestConsole::new("console_repair").await;
    let servers = Servers::shared().await.expect("servers");
    let services: Vec<&str> = contracts().system().parts.iter().map(|part| part.service).collect();
    let databases = Database::prepared(servers.postgres(), "repair", &services).await;
    let databases = databases.expect("databases");
    let console = world
        .console_with(|options| {
            let of =
                |(name, of): (&String, &Database)| (name.clone(), of.url().parse().expect("a URL"));
            options.databases = databases.iter().map(of).collect();
            options.management = Some(world.env.management_url());
        })
        .await;
    let operator = console.browser().await;
    let url = world.database.url().parse().expect("a URL");
    Console::set_account(url, "eve", Role::Viewer, "a long password").await.expect("an account");
    let viewer = console.browser_of("eve", "a%20long%20password").await;
    world.unbind("payments", RESERVED).await;
    world.publish(vec![world.event(RESERVED, world.id(), None, "{}")]).await;
    // Each page that names the fault leads there.
    for page in ["/", "/services", "/repair"] {
        operator.until(page, "/repair\"").await;
    }
    let look = "/repair?hours=1";
    for _ in 0..2 {
        let page = operator.until(look, "<button type=\"submit\">Repair it").await;
        for says in ["the binding of queue `payments`", "1 event in `unrouted` for services"] {
            assert!(page.contains(says), "{says}: {page}");
        }
    }
    assert_eq!(viewer.get(look).await.0, StatusCode::FORBIDDEN);
    let fields = "hours=1&why=it+was+gone";
    assert_eq!(viewer.act("/actions", "/repair", fields).await.0, StatusCode::FORBIDDEN);
    let (status, page) = operator.act(look, "/repair", "hours=1&why=").await;
    assert!(status == StatusCode::BAD_REQUEST && page.contains("Say why"), "{page}");

    let (status, action) = operator.act(look, "/repair", fields).await;
    assert_eq!(status, StatusCode::SEE_OTHER, "{action}");
    let page = operator.until(&action, "1 of 1 event sent").await;
    assert!(
        page.contains("the binding of queue `payments`") && page.contains("it was gone"),
        "{page}"
    );
    // The lost one has arrived, and the binding is there for the next.
    world.publish(vec![world.event(RESERVED, world.id(), None, "{}")]).await;
    let come = world.env.management().until_depth("payments", SOON, |depth| depth.ready == 2).await;
    come.expect("both");
    let (_, page) = operator.get("/dead-letters").await;
    assert!(page.contains("There is none."), "{page}");
    world.close().await;
}
