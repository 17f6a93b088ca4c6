//! What the service in Python no longer needs to remember.

use ballet::Clock;
use serde_json::json;
use sqlx::Executor;

use crate::alone::{self, TRIGGER};

/// A delete of so many that it would take too long is cancelled, as `statement_timeout` does it.
const OLD_ROWS: &str = "
    insert into inbox (message_id, received_at)
        select gen_random_uuid(), now() - interval '30 days' from generate_series(1, 12000);
    create function too_many() returns trigger language plpgsql as $$ begin
        if (select count(*) from gone) > 5000 then
            raise exception 'canceling statement due to statement timeout' using errcode = '57014';
        end if;
        return null;
    end $$;
    create trigger too_many after delete on inbox referencing old table as gone
        for each statement execute function too_many();";

#[tokio::test]
async fn what_is_old_is_removed_in_portions_and_messages_go_on() {
    let env = alone::env("forgetting").await;
    let mut db = alone::database(&env).await;
    for sql in [include_str!("../../../python-loyalty/loyalty/schema.sql"), OLD_ROWS] {
        db.execute(sqlx::raw_sql(sql)).await.expect("made");
    }
    let clock = Clock::system();
    for _ in 0..40 {
        let new_id = || clock.new_id(clock.now()).to_string();
        let body = json!({ "customer_id": new_id(), "total": { "amount_minor": 2500 } });
        let properties = json!({ "message_id": new_id(), "correlation_id": new_id(),
            "content_type": "application/json", "delivery_mode": 2 });
        let management = env.management();
        let routed = management.publish("events", TRIGGER, &properties, &body.to_string()).await;
        assert!(routed.expect("published"));
    }
    let program = alone::start(&env).await;
    alone::until_counted(&env, 40, "select count(*) from account where points = 25").await;
    let old = "select count(*) from inbox where received_at < now() - interval '8 days'";
    alone::until_counted(&env, 0, old).await;
    alone::dead_letters(&env, 0).await;
    drop(program);
    env.close().await.expect("closed");
}
