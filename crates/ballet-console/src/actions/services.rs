//! Services: paused and resumed.

use ballet_ops::redrive::Note;
use ballet_store::operators::service_pause;
use sqlx::Connection as _;

use crate::actions::means::Means;
use crate::actions::running::Ended;
use crate::store::actions::Standing;

/// Has a service take no messages until it is resumed.
pub(crate) async fn pause(means: &Means, service: &str, note: &Note) -> Ended {
    let paused = async {
        let mut db = means.connect(service).await?;
        let why = note.why.as_deref().unwrap_or_default();
        let done = service_pause::pause(&mut db, &note.by, why)
            .await
            .map_err(|error| error.to_string())?;
        let now = service_pause::now(&mut db).await.map_err(|error| error.to_string())?;
        db.close().await.ok();
        Ok::<_, String>(now.filter(|_| !done))
    };
    match paused.await {
        Ok(None) => Ended::new(
            Standing::Done,
            format!(
                "{service} takes no messages: they wait in its queue, and its sagas are blocked."
            ),
        ),
        Ok(Some(before)) => Ended::failed(&format!("Nothing was changed: it was {before}.")),
        Err(why) => Ended::failed(&format!("Nothing was changed: {why}")),
    }
}

/// Lets a paused service go on.
pub(crate) async fn resume(means: &Means, service: &str) -> Ended {
    let resumed = async {
        let mut db = means.connect(service).await?;
        let done = service_pause::resume(&mut db).await.map_err(|error| error.to_string())?;
        db.close().await.ok();
        Ok::<_, String>(done)
    };
    match resumed.await {
        Ok(true) => {
            Ended::new(Standing::Done, format!("{service} takes messages again within seconds."))
        }
        Ok(false) => Ended::failed("Nothing was changed: it was not paused."),
        Err(why) => Ended::failed(&format!("Nothing was changed: {why}")),
    }
}
