//! Closures of accounts leave nothing of the person in any table, queue, journal or log.

use ballet_testkit::process_log;
use playback::config::PlaybackSettings;
use reqwest::StatusCode;
use serde_json::json;

use crate::states::each_state_that_a_table_allows_is_one_of_its_type;
use crate::world::{PATIENT, StreamingWorld};

const NOWHERE: [i64; 4] = [0; 4];

/// Counts in all tables of each database. The queries have the text backwards, because the searched log contains the
/// queries.
async fn count_rows(world: &StreamingWorld, needle: &str) -> [i64; 4] {
    let mut found = NOWHERE;
    let backwards: String = needle.chars().rev().collect();
    for (at, service) in ["accounts", "analytics", "playback", "titles"].into_iter().enumerate() {
        let query = "select coalesce(string_agg(format('(select count(*) from %I.%I t where \
             t::text ilike ''%%'' || reverse(''NEEDLE'') || ''%%'')', schemaname, tablename), \
             ' + '), '0') \
             from pg_tables where schemaname not in ('pg_catalog', 'information_schema')";
        let query = query.replace("NEEDLE", &backwards);
        let all = world.system.value::<String>(service, &query).await;
        found[at] = world.system.value::<i64>(service, &format!("select {all}")).await;
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_closure_erases_everywhere_and_names_who_has_not() {
    let mut world = StreamingWorld::whole("closure").await;
    a_service_that_has_not_erased_is_named(&mut world).await;
    s8_a_closure_ends_what_plays_and_leaves_nothing_of_the_person(&world).await;
    each_state_that_a_table_allows_is_one_of_its_type(&world).await;
    world.system.close(0).await;
}

async fn s8_a_closure_ends_what_plays_and_leaves_nothing_of_the_person(world: &StreamingWorld) {
    let title = world.any_title().await;
    let stays = world.home("duo", 1).await;
    world.play(&stays, 0, &title).await;
    let email = "grace.hopper@example.org";
    let person = json!({ "email": email, "name": "Grace Hopper", "plan": "duo", "region": "DE" });
    let (_, account) = world.system.post("accounts", "/sign-up", &person).await;
    let account = crate::world::text(&account, "account_id");
    let device = json!({ "name": "Commodore of Grace" });
    let path = format!("/accounts/{account}/devices");
    let (_, device) = world.system.post("accounts", &path, &device).await;
    let device = crate::world::text(&device, "device_id");
    let home = crate::world::Home { account: account.clone(), devices: vec![device] };
    let watched = world.play(&home, 0, &title).await;
    world.beat(&watched, 1, 1).await;
    world.stop(&watched).await;
    let playing = world.play(&home, 0, &title).await;

    assert_eq!(count_rows(world, "Grace").await, [2, 0, 0, 0]);
    let (status, closure) = world.delete("accounts", &format!("/accounts/{account}")).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{closure}");
    world.over(&playing, "ended", "closed").await;
    let erased = "select count(*) from closure where erased_at is not null";
    world.system.until("accounts", erased, 2).await;
    let (_, closure) = world.system.get("accounts", &format!("/accounts/{account}/closure")).await;
    assert_eq!(closure["missing"], json!([]), "{closure}");

    // The account's id is only in its closure's row, and the person's data is nowhere.
    for (service, table) in [
        ("accounts", "account"),
        ("accounts", "slot"),
        ("accounts", "device"),
        ("playback", "session"),
        ("playback", "position"),
        ("playback", "erasing"),
    ] {
        let query = format!("select count(*) from {table} t where t::text like '%{account}%'");
        assert_eq!(world.system.value::<i64>(service, &query).await, 0, "{service}.{table}");
    }
    let needles = [email, "Grace", "Hopper", "Commodore"];
    for needle in needles {
        assert_eq!(count_rows(world, needle).await, NOWHERE, "{needle}");
        // Everything that was published, dead letters included, as in the journal.
        let published = format!("{:?}", world.system.seen().await);
        assert!(!published.contains(needle), "{needle} was published");
    }
    // All services of this process write one log, here down to the level `debug`.
    let logged = process_log::text();
    assert!(logged.contains(&playing), "the log does not have session {playing}");
    let says = |line: &&str| needles.iter().any(|needle| line.contains(needle));
    let lines: Vec<&str> = logged.lines().filter(says).collect();
    assert!(lines.is_empty(), "{lines:#?}");
    // The other account still plays, and the address is free again.
    let live = "select count(*) from session where status = 'playing' and ending is null";
    assert_eq!(world.system.value::<i64>("playback", live).await, 1);
    assert_eq!(world.system.post("accounts", "/sign-up", &person).await.0, StatusCode::CREATED);
    // A session for the erased account is refused, and keeps no account.
    let late = world.request(&home, 0, &title).await;
    world.over(&late, "refused", "no_account").await;
    assert_eq!(world.read(&late).await.get("account_id"), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s8_a_session_of_an_account_that_is_gone_is_nobodys_whatever_refuses_it() {
    let settings = PlaybackSettings { start_deadline_seconds: 2, ..PATIENT };
    let mut world = StreamingWorld::with("closure_late", settings).await;
    world.start("analytics").await;
    let (home, title) = (world.home("duo", 1).await, world.any_title().await);
    let path = format!("/accounts/{}", home.account);
    assert_eq!(world.delete("accounts", &path).await.0, StatusCode::ACCEPTED);
    let erased = "select count(*) from closure where erased_at is not null";
    world.system.until("accounts", erased, 1).await;
    // Accounts refuses none of these: one is stopped, the other does not start in time.
    world.system.stop("accounts").await;
    let stopped = world.request(&home, 0, &title).await;
    let overdue = world.request(&home, 0, &title).await;
    world.stop(&stopped).await;
    for session in [&stopped, &overdue] {
        world.until(session, "refused").await;
        let read = world.read(session).await;
        assert_eq!((read.get("account_id"), read.get("device_id")), (None, None), "{read}");
    }
    world.start("accounts").await;
    world.over(&overdue, "refused", "deadline_passed").await;
    world.system.close(0).await;
}

async fn a_service_that_has_not_erased_is_named(world: &mut StreamingWorld) {
    let home = world.home("duo", 1).await;
    world.system.stop("playback").await;
    let path = format!("/accounts/{}", home.account);
    assert_eq!(world.delete("accounts", &path).await.0, StatusCode::ACCEPTED);
    let due = "update closure set due_at = now() - interval '1 second'";
    world.system.execute("accounts", due).await;
    let (_, overdue) = world.system.get("accounts", "/closures?overdue=true").await;
    assert_eq!(overdue["items"][0]["missing"], json!(["playback"]), "{overdue}");
    world.start("playback").await;
    let erased = "select count(*) from closure where erased_at is not null";
    world.system.until("accounts", erased, 1).await;
    let (_, overdue) = world.system.get("accounts", "/closures?overdue=true").await;
    assert_eq!(overdue["items"], json!([]), "{overdue}");
    assert_eq!(world.system.get("accounts", &path).await.0, StatusCode::NOT_FOUND);
}
