//! Commits that are lost, or whose answer is. Their events are published, and their calls are made.

use ballet_stage::Proxy;
use sqlx::Executor;

use crate::sale::{Authorized, Placed};
use crate::stage::ExploreStage;

/// A commit with a call or a hold waits for this lock.
const WAITS: &str = "create function waits() returns trigger language plpgsql as $$ begin
        perform set_config('lock_timeout', '0', true);
        perform pg_advisory_xact_lock_shared(7);
        return null;
    end $$;
    create constraint trigger waits after insert on ballet.call deferrable initially deferred
        for each row execute function waits();
    create constraint trigger waits after insert on hold deferrable initially deferred
        for each row execute function waits()";
const WAITING: &str = "from pg_locks where locktype = 'advisory' and objid = 7 and not granted \
    and database = (select oid from pg_database where datname = current_database())";

/// The service's connections end during the commit of a saga's first step.
async fn in_doubt(name: &str, is_local: bool, commits: bool) {
    let mut stage = ExploreStage::payments(name, is_local).await;
    let proxy = Proxy::to(stage.url()).await.expect("a proxy");
    stage.way = Some(proxy.url().to_owned());
    stage.start(1).await;
    stage.execute(WAITS).await;
    let mut lock = stage.connect().await;
    lock.execute("select pg_advisory_lock(7)").await.expect("locked");
    let saga = stage.new_sale(&[], is_local);
    stage.put(stage.new_id(), saga, &Placed {});
    stage.until(&format!("select count(*) {WAITING}"), 1).await;
    if !commits {
        stage.execute(&format!("select pg_terminate_backend(pid) {WAITING}")).await;
    }
    proxy.cut();
    lock.execute("select pg_advisory_unlock(7)").await.expect("unlocked");
    stage.until_count("ballet.ledger where entry = 'done'", 1).await;
    stage.settle().await;
    assert_eq!(stage.count("hold").await, i64::from(is_local));
    stage.publish_all().await;
    assert_eq!(stage.facts().await[&saga.0].told::<Authorized>(), 1);
    assert_eq!(stage.outside.account(saga.0).wrong, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_whose_commits_answer_is_lost_is_made() {
    in_doubt("call_in_doubt", false, true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_whose_commit_never_arrived_runs_again() {
    in_doubt("no_commit", true, false).await;
}
