//! The messages and sagas that the service in Python forgets.

use ballet_stage::{left_out, python};
use serde_json::json;

use crate::alone::{self, PYTHON, TRIGGER};

/// A delete of too many rows is cancelled for its length, as by `statement_timeout`.
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
    let Some(python) = python().await else { return left_out(PYTHON) };
    let system = alone::asleep("forgetting").await;
    for sql in [include_str!("../../../python-loyalty/loyalty/schema.sql"), OLD_ROWS] {
        system.execute("loyalty", sql).await;
    }
    for _ in 0..40 {
        let new_id = || system.new_id().to_string();
        let body = json!({ "customer_id": new_id(), "total": { "amount_minor": 2500 } });
        let properties = json!({ "message_id": new_id(), "correlation_id": new_id(),
            "content_type": "application/json", "delivery_mode": 2 });
        system.publish_raw(TRIGGER, &properties, body.to_string()).await;
    }
    let program = alone::start(&python, &system);
    system.until("loyalty", "select count(*) from account where points = 25", 40).await;
    let old = "select count(*) from inbox where received_at < now() - interval '8 days'";
    system.until("loyalty", old, 0).await;
    drop(program);
    system.close(0).await;
}
