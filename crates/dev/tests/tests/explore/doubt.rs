//! Commits whose answer is lost or late. Their events are published, and their calls are made.

use ballet::{Event, SagaId};
use ballet_stage::wait_until;
use ballet_testkit::memory::left_by_a_gone_process;

use crate::proxy::LossyProxy;
use crate::sale::{Authorized, Placed};
use crate::stage::{ExploreStage, LONG};

async fn behind_a_proxy(name: &str, is_local: bool) -> (ExploreStage, LossyProxy, SagaId) {
    let mut stage = ExploreStage::payments(name, is_local).await;
    let proxy = LossyProxy::to(stage.url()).await;
    stage.way = Some(proxy.url.clone());
    stage.start(1).await;
    let saga = stage.new_sale(&[], is_local);
    (stage, proxy, saga)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_whose_commits_answer_is_lost_is_made() {
    let (stage, proxy, saga) = behind_a_proxy("call_in_doubt", false).await;
    proxy.lose_the_next_commit();
    stage.put(stage.new_id(), saga, &Placed {});
    proxy.lost().await;
    stage.until_count("ballet.ledger where entry = 'done'", 1).await;
    stage.publish_all().await;
    assert_eq!(stage.facts().await[&saga.0].told::<Authorized>(), 1);
    assert_eq!(stage.outside.account(saga.0).wrong, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_whose_commit_never_arrived_runs_again() {
    let (stage, proxy, saga) = behind_a_proxy("no_commit", true).await;
    proxy.drop_the_next_commit();
    stage.put(stage.new_id(), saga, &Placed {});
    proxy.lost().await;
    stage.settle().await;
    assert_eq!(stage.count("hold").await, 1);
    stage.publish_all().await;
    assert_eq!(stage.facts().await[&saga.0].told::<Authorized>(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_whose_commits_answer_is_late_is_not_taken_for_left_behind() {
    let (stage, proxy, saga) = behind_a_proxy("late_answer", true).await;
    proxy.hold_the_next_commit();
    stage.put(stage.new_id(), saga, &Placed {});
    stage.until_count("hold", 1).await;
    // The table's turn ends, so the sweeper looks at it. What a process that is gone left in another
    // shows that it has looked.
    stage.until_count("ballet.outbox_table", 2).await;
    let (event, other) = (Authorized::TYPE, stage.new_id());
    let left = format!(
        "insert into ballet.outbox_left (owner, batch, position, message_id, event_type, saga_id, body, \
             created_at) values (99999, 1, 0, gen_random_uuid(), '{event}', '{other}', '{{}}', now())"
    );
    stage.execute(&left_by_a_gone_process(&left)).await;
    let count = |saga: SagaId| {
        let taken = stage.broker.taken();
        let of_saga =
            |id: &Option<_>| id.as_ref().map(ToString::to_string) == Some(saga.to_string());
        taken.iter().filter(|message| of_saga(message.properties.correlation_id())).count()
    };
    wait_until("a sweep", LONG, || async {
        Ok::<_, String>((count(SagaId(other)) == 1).then_some(()))
    })
    .await
    .expect("a sweep");
    proxy.release();
    stage.settle().await;
    stage.publish_all().await;
    // The trigger, and what follows from it.
    assert_eq!(count(saga), 2, "published again by the sweep");
}
