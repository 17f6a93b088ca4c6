//! Pauses and resumes services.

use ballet_ops::redrive::Note;
use ballet_store::operators::service_pause;
use sqlx::Connection as _;

use crate::actions::action_context::ActionContext;
use crate::actions::running_actions::ActionOutcome;
use crate::store::actions::ActionState;

/// Makes a service take no messages until it is resumed.
pub(crate) async fn pause(context: &ActionContext, service: &str, note: &Note) -> ActionOutcome {
    let paused = async {
        let mut db = context.connect(service).await?;
        let why = note.why.as_deref().unwrap_or_default();
        let done = service_pause::pause(&mut db, &note.by, why)
            .await
            .map_err(|error| error.to_string())?;
        let now = service_pause::now(&mut db).await.map_err(|error| error.to_string())?;
        db.close().await.ok();
        Ok::<_, String>(now.filter(|_| !done))
    };
    match paused.await {
        Ok(None) => ActionOutcome::new(
            ActionState::Done,
            format!(
                "{service} takes no messages: they wait in its queue, and its sagas are blocked."
            ),
        ),
        Ok(Some(before)) => {
            ActionOutcome::failed(&format!("Nothing was changed: it was {before}."))
        }
        Err(why) => ActionOutcome::failed(&format!("Nothing was changed: {why}")),
    }
}

/// Resumes a paused service.
pub(crate) async fn resume(context: &ActionContext, service: &str) -> ActionOutcome {
    let resumed = async {
        let mut db = context.connect(service).await?;
        let done = service_pause::resume(&mut db).await.map_err(|error| error.to_string())?;
        db.close().await.ok();
        Ok::<_, String>(done)
    };
    match resumed.await {
        Ok(true) => ActionOutcome::new(
            ActionState::Done,
            format!("{service} takes messages again within seconds."),
        ),
        Ok(false) => ActionOutcome::failed("Nothing was changed: it was not paused."),
        Err(why) => ActionOutcome::failed(&format!("Nothing was changed: {why}")),
    }
}
