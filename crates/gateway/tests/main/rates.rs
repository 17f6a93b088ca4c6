//! Limits per client, over one gateway and over several.

use ballet_stage::{Database, Link, Postgres, Proxy, wait_until};
use reqwest::{Client, Response};
use sqlx::{Connection, Executor, PgConnection};

use crate::support::gateway::{Folder, Gateway, LIMIT, command, problem};
use crate::support::service::{ROUTE, TestService};

/// A window that no test outlives, so that no limit begins anew.
const WINDOW: &str = "366d";
const WINDOW_SECONDS: i64 = 366 * 86400;

fn config(service: &TestService, requests: u32, window: &str, database: Option<&str>) -> String {
    let database = database
        .map(|url| format!("[database]\nurl = \"{url}\"\ntimeout = \"1m\"\n"))
        .unwrap_or_default();
    let rate = format!("[[rate]]\nname = \"r\"\nrequests = {requests}\nwindow = \"{window}\"\n");
    format!("{database}{rate}{}{ROUTE}rate = \"r\"\n", service.upstream("a"))
}

async fn get(gateway: &Gateway) -> Response {
    reqwest::get(gateway.at("/a")).await.unwrap()
}

/// Returns how often a gateway has asked the database for permits.
async fn leases(gateway: &Gateway) -> u32 {
    let metrics = reqwest::get(format!("{}/metrics", gateway.private)).await.unwrap();
    let text = metrics.text().await.unwrap();
    let line = text.lines().find(|line| line.starts_with("gateway_rate_leases_total ")).unwrap();
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_client_that_asks_too_often_is_told_when_to_come_back() {
    let (service, folder) = (TestService::ok().await, Folder::new());
    let gateway = Gateway::start(&folder, &config(&service, 3, "1h", None)).await;
    for left in [2, 1, 0] {
        let answer = get(&gateway).await;
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["ratelimit-policy"], "\"r\";q=3;w=3600");
        let said = answer.headers()["ratelimit"].to_str().unwrap().to_owned();
        assert!(said.starts_with(&format!("\"r\";r={left};t=3")), "{said}");
    }
    let answer = get(&gateway).await;
    let wait: u64 = answer.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((3000..=3600).contains(&wait), "{wait}");
    let detail = problem(answer, 429).await;
    assert_eq!(detail, "more than 3 requests in 1h: wait for the next window");
    assert_eq!(service.got().len(), 3);
}

#[tokio::test]
async fn each_client_has_a_limit_of_its_own_and_windows_end() {
    let (service, folder) = (TestService::ok().await, Folder::new());
    let key = |id: &str| {
        let (_, printed, _) = command(&["api-key", id]);
        let (key, stanza) = printed.split_once("\n\n").unwrap();
        (key.to_owned(), stanza.to_owned())
    };
    let ((first, a), (second, b)) = (key("first"), key("second"));
    let config = format!("{a}{b}{}", config(&service, 1, "2s", None));
    let gateway = Gateway::start(&folder, &config).await;
    let get = async |key: &str| {
        let request = Client::new().get(gateway.at("/a")).header("x-api-key", key);
        request.send().await.unwrap().status().as_u16()
    };
    for key in [&first, &second] {
        // Each is refused at some time, and let in again later.
        for wanted in [200, 429, 200] {
            wait_until(&format!("{wanted}"), LIMIT, || async {
                let is = get(key).await;
                if is == wanted { Ok(Some(())) } else { Err(is) }
            })
            .await
            .unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn several_gateways_share_one_limit() {
    let database = Database::new(Postgres::shared().await.unwrap(), "rates").await.unwrap();
    let (service, folders) =
        (TestService::ok().await, [Folder::new(), Folder::new(), Folder::new()]);
    let config = config(&service, 200, WINDOW, Some(database.url()));
    let mut gateways = Vec::new();
    for folder in &folders {
        let gateway = Gateway::start(folder, &config).await;
        gateway.private_says("/readyz", 200, "\"database\":\"ok\"").await;
        gateways.push(gateway);
    }
    // 1200 requests, from 12 connections that count as one client.
    let mut clients = tokio::task::JoinSet::new();
    for number in 0..12 {
        let address = gateways[number % 3].at("/a");
        clients.spawn(async move {
            let client = Client::new();
            let mut good = 0;
            for _ in 0..100 {
                let status = client.get(&address).send().await.unwrap().status().as_u16();
                assert!(matches!(status, 200 | 429), "{status}");
                good += u32::from(status == 200);
            }
            good
        });
    }
    let good: u32 = clients.join_all().await.into_iter().sum();
    // All gateways were asked until they refused, so no permits lie unused.
    assert_eq!(good, 200);
    assert_eq!(service.got().len(), 200);
    // Not every request was a round trip to the database.
    let mut all = 0;
    for gateway in &gateways {
        all += leases(gateway).await;
    }
    assert!(all < 60, "{all} leases for 1200 requests");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_portion_of_a_high_rate_is_enough_for_a_second() {
    let database = Database::new(Postgres::shared().await.unwrap(), "high").await.unwrap();
    let (service, folder) = (TestService::ok().await, Folder::new());
    // 1157 requests a second.
    let config = config(&service, 100_000_000, "1d", Some(database.url()));
    let gateway = Gateway::start(&folder, &config).await;
    gateway.private_says("/readyz", 200, "\"database\":\"ok\"").await;
    let client = Client::new();
    for _ in 0..300 {
        assert_eq!(client.get(gateway.at("/a")).send().await.unwrap().status(), 200);
    }
    // One, or two if the day ends meanwhile.
    let leases = leases(&gateway).await;
    assert!((1..=2).contains(&leases), "{leases} leases for 300 requests");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_portion_is_there_before_the_last_is_used_up() {
    let database = Database::new(Postgres::shared().await.unwrap(), "ahead").await.unwrap();
    let link = Proxy::to(database.url()).await.unwrap();
    let (service, folder) = (TestService::ok().await, Folder::new());
    let gateway = Gateway::start(&folder, &config(&service, 1000, WINDOW, Some(link.url()))).await;
    gateway.private_says("/readyz", 200, "\"database\":\"ok\"").await;
    // More than half of a portion of 50.
    for _ in 0..30 {
        assert_eq!(get(&gateway).await.status(), 200);
    }
    gateway.private_says("/metrics", 200, "gateway_rate_leases_total 2").await;
    // From here on a question to the database waits for a minute.
    link.set(Link::Silent);
    let impatient = Client::builder().timeout(std::time::Duration::from_secs(50)).build().unwrap();
    for number in 30..95 {
        let answer = impatient.get(gateway.at("/a")).send().await;
        assert_eq!(answer.map(|answer| answer.status().as_u16()).ok(), Some(200), "{number}");
    }
}

#[tokio::test]
async fn without_its_database_a_gateway_counts_for_itself() {
    let (service, folder) = (TestService::ok().await, Folder::new());
    let nowhere = "postgres://nobody@127.0.0.1:1/nothing";
    let gateway = Gateway::start(&folder, &config(&service, 2, WINDOW, Some(nowhere))).await;
    gateway.private_says("/readyz", 200, "limits hold for each gateway alone").await;
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(get(&gateway).await.status().as_u16());
    }
    assert_eq!(statuses, [200, 200, 429, 429]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_goes_away_and_comes_back_is_noticed() {
    let database = Database::new(Postgres::shared().await.unwrap(), "away").await.unwrap();
    let link = Proxy::to(database.url()).await.unwrap();
    let (service, folder) = (TestService::ok().await, Folder::new());
    let config = config(&service, 40, "1s", Some(link.url())).replace("1m", "500ms");
    let gateway = Gateway::start(&folder, &config).await;
    gateway.private_says("/readyz", 200, "\"database\":\"ok\"").await;
    for (state, database) in [(Link::Silent, "away: "), (Link::Open, "ok")] {
        link.set(state);
        // Requests are answered whatever the database does.
        let what = format!("{state:?} to be noticed");
        let noticed = wait_until(&what, LIMIT, || async {
            let status = get(&gateway).await.status().as_u16();
            assert!(matches!(status, 200 | 429), "{status}");
            let ready = reqwest::get(format!("{}/readyz", gateway.private)).await;
            let text = ready.map_err(|error| error.to_string())?.text().await;
            let text = text.map_err(|error| error.to_string())?;
            if text.contains(&format!("\"database\":\"{database}")) {
                Ok(Some(()))
            } else {
                Err(text)
            }
        });
        noticed.await.unwrap();
    }
}

/// Waits until a statement in this database waits for a lock.
async fn a_statement_waits(database: &Database) {
    let waiting = "select exists (select from pg_stat_activity \
                   where datname = current_database() and wait_event_type = 'Lock')";
    wait_until("a statement that waits", LIMIT, || async {
        let mut db = PgConnection::connect(database.url()).await?;
        let waits: bool = sqlx::query_scalar(waiting).fetch_one(&mut db).await?;
        Ok::<_, sqlx::Error>(waits.then_some(()))
    })
    .await
    .unwrap();
}

/// The other machine vanishes in the middle of a statement. Another one takes its place.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_froze_in_a_statement_takes_no_connection_for_good() {
    let database = Database::new(Postgres::shared().await.unwrap(), "froze").await.unwrap();
    let link = Proxy::to(database.url()).await.unwrap();
    let (service, folder) = (TestService::ok().await, Folder::new());
    let config = config(&service, 40, WINDOW, Some(link.url()));
    let config = config.replace("\"1m\"", "\"2s\"\nconnections = 1");
    let gateway = Gateway::start(&folder, &config).await;
    gateway.private_says("/readyz", 200, "\"database\":\"ok\"").await;
    let mut holder = PgConnection::connect(database.url()).await.unwrap();
    holder.execute("begin; lock table gateway.rate_window").await.unwrap();
    let freezes = async {
        a_statement_waits(&database).await;
        link.set(Link::Silent);
        drop(holder);
    };
    let (answer, ()) = tokio::join!(get(&gateway), freezes);
    assert_eq!(answer.status(), 200);
    gateway.private_says("/readyz", 200, "\"database\":\"away: ").await;
    link.set(Link::Open);
    gateway.private_says("/readyz", 200, "\"database\":\"ok\"").await;
}

/// The same while the tables are created.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_froze_at_the_start_does_not_hold_the_gateway_up() {
    let database = Database::new(Postgres::shared().await.unwrap(), "start").await.unwrap();
    let link = Proxy::to(database.url()).await.unwrap();
    let (service, folder) = (TestService::ok().await, Folder::new());
    let mut holder = PgConnection::connect(database.url()).await.unwrap();
    holder.execute("begin; create schema gateway").await.unwrap();
    let config = config(&service, 40, WINDOW, Some(link.url()));
    let gateway = Gateway::start(&folder, &config.replace("\"1m\"", "\"1s\"")).await;
    a_statement_waits(&database).await;
    link.set(Link::Silent);
    drop(holder);
    link.set(Link::Open);
    gateway.private_says("/readyz", 200, "\"database\":\"ok\"").await;
}

#[tokio::test]
async fn a_window_far_ahead_is_of_a_clock_that_was_wrong_and_counts_for_nothing() {
    let database = Database::new(Postgres::shared().await.unwrap(), "clock").await.unwrap();
    let (service, folder) = (TestService::ok().await, Folder::new());
    let config = config(&service, 1, WINDOW, Some(database.url()));
    let mut db = PgConnection::connect(database.url()).await.unwrap();
    // A statement that waited finds a later window. A clock two windows ahead is wrong.
    for (windows, status) in [(1, 429), (2, 200)] {
        let gateway = Gateway::start(&folder, &config).await;
        gateway.private_says("/readyz", 200, "\"database\":\"ok\"").await;
        db.execute("delete from gateway.rate_window").await.unwrap();
        let ahead = "insert into gateway.rate_window (rate, client, window_start, taken, granted) \
                     select 'r', 'ip:127.0.0.1', \
                     (floor(extract(epoch from now()) / $1)::bigint + $2) * $1, 1, 0";
        sqlx::query(ahead).bind(WINDOW_SECONDS).bind(windows).execute(&mut db).await.unwrap();
        assert_eq!(get(&gateway).await.status(), status, "{windows} windows ahead");
    }
}

#[tokio::test]
async fn t228_a_replaced_password_of_the_database_is_taken_from_its_file() {
    let database = Database::new(Postgres::shared().await.unwrap(), "rotated").await.unwrap();
    let (service, folder) = (TestService::ok().await, Folder::new());
    folder.write("database.url", database.url());
    let config = config(&service, 200, WINDOW, Some("file:database.url")).replace("1m", "2s");
    let gateway = Gateway::start(&folder, &config).await;
    gateway.private_says("/readyz", 200, "\"database\":\"ok\"").await;
    let mut url = reqwest::Url::parse(database.url()).unwrap();
    let user = url.username().to_owned();
    let mut db = PgConnection::connect(database.url()).await.unwrap();
    let change = format!("alter role \"{user}\" password 'of-tomorrow'");
    db.execute(sqlx::AssertSqlSafe(change)).await.unwrap();
    let end = "select pg_terminate_backend(pid) from pg_stat_activity \
               where usename = current_user and pid <> pg_backend_pid()";
    db.execute(end).await.unwrap();
    gateway.private_says("/readyz", 200, "\"database\":\"away: ").await;
    wait_until("the reason in the log", LIMIT, || async {
        let log = gateway.log();
        let is_said = log.contains("password authentication failed");
        if is_said { Ok(Some(())) } else { Err(log) }
    })
    .await
    .unwrap();
    url.set_password(Some("of-tomorrow")).unwrap();
    folder.write("database.url", url.as_str());
    gateway.private_says("/readyz", 200, "\"database\":\"ok\"").await;
}
