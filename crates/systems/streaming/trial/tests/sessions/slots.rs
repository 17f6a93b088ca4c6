//! Sessions of one account: never more than its plan has.

use ballet_stage::Method;
use futures_util::future::{join, join_all};
use jiff::SignedDuration;
use reqwest::StatusCode;
use serde_json::json;

use crate::world::{Home, StreamingWorld};

fn count_of(home: &Home, what: &str) -> String {
    format!("select count(*) from session where account_id = '{}' and {what}", home.account)
}

fn live_slots(home: &Home) -> String {
    format!("select live from account where account_id = '{}'", home.account)
}

const LIVE: &str = "status = 'playing' and ending is null";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_has_never_more_sessions_than_its_plan() {
    let world = StreamingWorld::open("slots").await;
    s1_a_plan_that_refuses_refuses_the_third_stream(&world).await;
    s1_a_plan_that_stops_the_oldest_stops_it(&world).await;
    s1_a_request_that_is_refused_ends_no_other_session(&world).await;
    s1_a_device_plays_one_title_at_a_time(&world).await;
    s6_a_smaller_plan_ends_the_oldest_streams(&world).await;
    s11_ten_devices_at_once_on_a_plan_for_two_are_exactly_two(&world).await;
    s11_ten_devices_at_once_on_a_plan_that_stops_the_oldest_leave_one(&world).await;
    a_session_that_ends_while_the_plan_changes_waits_for_it(&world).await;
    the_database_forbids_more_live_slots_than_the_plan_has(&world).await;
    an_account_has_so_many_devices(&world).await;
    world.system.close(0).await;
}

async fn s1_a_plan_that_refuses_refuses_the_third_stream(world: &StreamingWorld) {
    let (home, title) = (world.home("duo", 3).await, world.any_title().await);
    let first = world.play(&home, 0, &title).await;
    world.play(&home, 1, &title).await;
    let third = world.request(&home, 2, &title).await;
    world.over(&third, "refused", "no_slot").await;
    let detail = world.read(&third).await["detail"].to_string();
    assert!(detail.contains("stop one from the list of devices"), "{detail}");
    world.stop(&first).await;
    world.over(&first, "ended", "stopped").await;
    world.play(&home, 2, &title).await;
}

async fn s1_a_plan_that_stops_the_oldest_stops_it(world: &StreamingWorld) {
    let (home, title) = (world.home("basic", 2).await, world.any_title().await);
    let first = world.play(&home, 0, &title).await;
    let second = world.play(&home, 1, &title).await;
    world.over(&first, "ended", "displaced").await;
    world.until(&second, "playing").await;
    let (status, answer) = world.beat(&first, 1, 1).await;
    assert_eq!((status, &answer["reason"]), (StatusCode::GONE, &"displaced".into()));
}

async fn s1_a_request_that_is_refused_ends_no_other_session(world: &StreamingWorld) {
    let (home, title) = (world.home("basic", 2).await, world.any_title().await);
    let playing = world.play(&home, 0, &title).await;
    let (now, hour) = (world.system.handle(0).now(), SignedDuration::from_hours(1));
    for (title, reason) in [
        (world.system.new_id().to_string(), "unknown_title"),
        (world.title_in("FR", now, now + hour, 0).await, "region"),
        (world.title_in("DE", now + hour, now + hour + hour, 0).await, "not_in_period"),
        (world.title(hour, 19).await, "age"),
    ] {
        // From the device that plays, and from another.
        for device in [0, 1] {
            let session = world.request(&home, device, &title).await;
            world.over(&session, "refused", reason).await;
        }
    }
    let none =
        Home { account: home.account.clone(), devices: vec![world.system.new_id().to_string()] };
    let session = world.request(&none, 0, &title).await;
    world.over(&session, "refused", "unknown_device").await;
    let ended = format!(
        "select count(*) from slot where state = 'displaced' and account_id = '{}'",
        home.account
    );
    assert_eq!(world.system.value::<i64>("accounts", &ended).await, 0);
    let (status, answer) = world.beat(&playing, 1, 1).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
}

async fn s1_a_device_plays_one_title_at_a_time(world: &StreamingWorld) {
    let title = world.any_title().await;
    for plan in ["basic", "duo", "family"] {
        let home = world.home(plan, 1).await;
        let first = world.play(&home, 0, &title).await;
        let second = world.play(&home, 0, &title).await;
        world.over(&first, "ended", "displaced").await;
        assert_eq!(world.beat(&second, 1, 1).await.0, StatusCode::OK);
    }
}

async fn s6_a_smaller_plan_ends_the_oldest_streams(world: &StreamingWorld) {
    let (home, title) = (world.home("family", 4).await, world.any_title().await);
    let mut sessions = Vec::new();
    for device in 0..4 {
        sessions.push(world.play(&home, device, &title).await);
    }
    let path = format!("/accounts/{}/plan", home.account);
    let plan = json!({ "plan": "duo" });
    let (status, account) = world.system.request(Method::PUT, "accounts", &path, Some(&plan)).await;
    assert_eq!((status, &account["live"]), (StatusCode::OK, &2.into()), "{account}");
    assert_eq!(account["version"], 2, "{account}");
    for session in &sessions[..2] {
        world.over(session, "ended", "displaced").await;
    }
    for session in &sessions[2..] {
        world.until(session, "playing").await;
    }
}

async fn s11_ten_devices_at_once_on_a_plan_for_two_are_exactly_two(world: &StreamingWorld) {
    let (home, title) = (world.home("duo", 10).await, world.any_title().await);
    join_all((0..10).map(|device| world.request(&home, device, &title))).await;
    world.system.until("playback", &count_of(&home, "status <> 'requested'"), 10).await;
    assert_eq!(world.system.value::<i64>("playback", &count_of(&home, LIVE)).await, 2);
    let refused = count_of(&home, "reason = 'no_slot'");
    assert_eq!(world.system.value::<i64>("playback", &refused).await, 8);
    assert_eq!(world.system.value::<i32>("accounts", &live_slots(&home)).await, 2);
}

async fn s11_ten_devices_at_once_on_a_plan_that_stops_the_oldest_leave_one(world: &StreamingWorld) {
    let (home, title) = (world.home("basic", 10).await, world.any_title().await);
    join_all((0..10).map(|device| world.request(&home, device, &title))).await;
    let over = count_of(&home, "status = 'ended' and reason = 'displaced'");
    world.system.until("playback", &over, 9).await;
    assert_eq!(world.system.value::<i64>("playback", &count_of(&home, LIVE)).await, 1);
    world.system.until("accounts", &live_slots(&home), 1).await;
}

async fn a_session_that_ends_while_the_plan_changes_waits_for_it(world: &StreamingWorld) {
    let (home, title) = (world.home("duo", 1).await, world.any_title().await);
    let session = world.play(&home, 0, &title).await;
    // Locks as a change of the plan does: the account's row first, then the slots beyond the new plan.
    let deadlocks = "select deadlocks from pg_stat_database where datname = current_database()";
    let before = world.system.value::<i64>("accounts", deadlocks).await;
    let account = &home.account;
    let change = format!(
        "do $$ begin
            perform from account where account_id = '{account}' for update;
            while not exists (
                select from pg_stat_activity where pg_backend_pid() = any(pg_blocking_pids(pid))
            ) loop
                perform pg_sleep(0.01), pg_stat_clear_snapshot();
            end loop;
            update slot set state = 'displaced', ended_at = now() where account_id = '{account}';
        end $$"
    );
    let holds = "select count(*) from pg_locks
        where relation = 'account'::regclass and mode = 'RowShareLock'
            and database = (select oid from pg_database where datname = current_database())";
    let ends = async {
        world.system.until("accounts", holds, 1).await;
        world.stop(&session).await;
    };
    join(world.system.execute("accounts", &change), ends).await;
    world.over(&session, "ended", "stopped").await;
    let slot = format!("select state from slot where session_id = '{session}'");
    assert_eq!(world.system.value::<String>("accounts", &slot).await, "displaced");
    assert_eq!(world.system.value::<i64>("accounts", deadlocks).await, before);
}

async fn the_database_forbids_more_live_slots_than_the_plan_has(world: &StreamingWorld) {
    let (home, title) = (world.home("basic", 1).await, world.any_title().await);
    world.play(&home, 0, &title).await;
    let one_more = format!(
        "do $$ begin
            insert into slot (session_id, account_id, device_id, state, taken_at)
            select gen_random_uuid(), account_id, device_id, 'live', now() from device
            where account_id = '{}';
            raise 'it was taken';
        exception when check_violation then null; end $$",
        home.account
    );
    world.system.execute("accounts", &one_more).await;
}

async fn an_account_has_so_many_devices(world: &StreamingWorld) {
    let home = world.home("basic", 1).await;
    let others = format!(
        "insert into device (device_id, account_id, name, added_at)
         select gen_random_uuid(), '{}', 'Device', now() from generate_series(2, 99)",
        home.account
    );
    world.system.execute("accounts", &others).await;
    let devices = format!("/accounts/{}/devices", home.account);
    let more = json!({ "name": "One more" });
    let add = || world.system.post("accounts", &devices, &more);
    let (one, other) = world.system.meeting(("accounts", "device"), 2, join(add(), add())).await;
    let statuses = [one.0.min(other.0), one.0.max(other.0)];
    assert_eq!(statuses, [StatusCode::CREATED, StatusCode::CONFLICT], "a hundred are enough");
    let one = format!("{devices}/{}", home.devices[0]);
    assert_eq!(world.delete("accounts", &one).await.0, StatusCode::NO_CONTENT);
    assert_eq!(world.delete("accounts", &one).await.0, StatusCode::NOT_FOUND);
}
