//! Commits that are lost, or whose answer is. Their events are published, and their calls are made.

use ballet::SagaId;

use crate::proxy::LossyProxy;
use crate::sale::{Authorized, Placed};
use crate::stage::ExploreStage;

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
