//! One saga of services in this process, from its first event to its end.

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use ballet::core::{Graph, System};
use ballet::{Event, Failure, Handle, Running, SagaId, Service, Settings};
use ballet_ops::sagas::{self, SagaDetails, SagaEvent};
use ballet_ops::terminal::lanes::{self, LaneEvent};
use ballet_ops::terminal::ui;
use futures_util::future::{join_all, select_all, try_join_all};
use sqlx::postgres::PgConnectOptions;

use crate::env::test_env::TestEnv;
use crate::servers::options::Options;
use crate::servers::pair::Servers;
use crate::stage::Stage;
use crate::wait::wait_until;

type AnyError = Box<dyn Error + Send + Sync>;

/// Counted from the saga's last change.
const LIMIT: Duration = Duration::from_secs(30);

/// Runs these services in this process, begins a saga with this event, prints the ended saga as lanes like `ballet
/// sagas show`, and removes everything.
///
/// The servers are those of [`Servers::acquire`], with a virtual host and databases for this run. The event's service
/// owns the saga, and [originates](ballet::OwnerSteps::originates) the event. Errors go to standard error: a broken
/// rule of the declarations, a failed server or service, or what the saga waits for.
///
/// ```no_run
/// # use ballet::{Event, Service};
/// # fn program<OrderPlaced: Event>(orders: Service, hall: Service, placed: OrderPlaced) -> std::process::ExitCode {
/// ballet_stage::show_one_saga(vec![orders, hall], placed)
/// # }
/// ```
pub fn show_one_saga<E: Event>(services: Vec<Service>, first: E) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let drawn = runtime
        .map_err(AnyError::from)
        .and_then(|runtime| runtime.block_on(lanes_of_one_saga(services, first)));
    match drawn {
        Ok(lanes) => {
            ui::print(lanes.trim_end());
            ExitCode::SUCCESS
        }
        Err(error) => {
            ui::say(&format!("{} {error}", ui::bad("error:")));
            ExitCode::FAILURE
        }
    }
}

/// Nothing of the run is left when this returns.
async fn lanes_of_one_saga<E: Event>(services: Vec<Service>, first: E) -> Result<String, AnyError> {
    let parts = services.iter().map(Service::part).collect();
    let graph = Graph::new(System { name: E::TYPE.service(), parts });
    if let Some(problem) = graph.problems().into_iter().next() {
        return Err(format!("the services do not fit: {problem}").into());
    }
    let is_owner = |service: &Service| service.part().service == E::TYPE.service();
    let owner = services.iter().position(is_owner).ok_or_else(|| {
        let names: Vec<&str> = graph.system().parts.iter().map(|part| part.service).collect();
        format!("the service of {} is not among {}", E::TYPE, names.join(", "))
    })?;
    let servers = Servers::acquire(Options::fast().progress(ui::say)).await?;
    // No processes, so no logs are written.
    let stage = Stage::of(graph.system()).on(servers, PathBuf::new()).await?;
    let played = tokio::select! {
        played = Box::pin(one_saga(&stage.env, graph.system(), (services, owner), first)) => played,
        _ = tokio::signal::ctrl_c() => Err("stopped before the saga had ended".into()),
    };
    let ended = Box::pin(stage.end(true)).await;
    let SagaDetails { events, .. } = played?;
    ended?;
    Ok(lanes::draw(&graph, &events.iter().map(lane_event).collect::<Vec<_>>()))
}

/// Runs the services until the saga has ended, and returns their records. `owner` is the index of its owner.
async fn one_saga<E: Event>(
    env: &TestEnv,
    system: &System,
    (services, owner): (Vec<Service>, usize),
    first: E,
) -> Result<SagaDetails, AnyError> {
    let names: Vec<&str> = system.parts.iter().map(|part| part.service).collect();
    let settings = |name| Settings::new(env.amqp_url(name), env.database_url(name));
    let starts =
        services.into_iter().zip(&names).map(|(service, name)| service.start(settings(name)));
    let running = try_join_all(starts).await?;
    let saga =
        begun(running[owner].handle(), first).await.map_err(|failure| failure.to_string())?;
    let mut databases: Vec<(String, PgConnectOptions)> = Vec::new();
    for name in &names {
        databases.push(((*name).to_owned(), env.admin_database_url(name).parse()?));
    }
    let ended = wait_until("the end of the saga", LIMIT, || async {
        let shown = sagas::show(system, &databases, saga.0).await;
        let waits = shown.waits.iter().map(|wait| {
            let why = wait.why.as_deref().map_or_else(String::new, |why| format!(": {why}"));
            format!("{} {}{why}", wait.service, wait.what)
        });
        let open: Vec<String> = waits.chain(shown.away.iter().cloned()).collect();
        if open.is_empty() { Ok(Some(shown)) } else { Err(open.join("; ")) }
    });
    let failed = select_all(running.iter().map(|running| {
        Box::pin(async move {
            let why = running.failed().await;
            format!("{} has failed: {why}", running.service())
        })
    }));
    let ended = tokio::select! {
        ended = ended => ended.map_err(AnyError::from),
        (why, ..) = failed => Err(why.into()),
    };
    join_all(running.into_iter().map(Running::stop)).await;
    ended
}

async fn begun<E: Event>(owner: &Handle, first: E) -> Result<SagaId, Failure> {
    let saga = owner.new_id();
    let mut unit = owner.saga_unit(saga).await?;
    unit.originate(first).await?;
    unit.commit().await?;
    Ok(saga)
}

fn lane_event(event: &SagaEvent) -> LaneEvent<'_> {
    LaneEvent {
        millis: event.at.as_millisecond(),
        publisher: &event.service,
        event_type: &event.event_type,
        body: &event.body,
    }
}
