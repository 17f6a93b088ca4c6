//! Administrators' sessions, each kept for the next environment: a session costs the server more than most of what is
//! done in it.

use std::collections::BTreeMap;
use std::io;
use std::sync::{LazyLock, Mutex, PoisonError};

use reqwest::Url;
use sqlx::{Connection, PgConnection};
use tokio::runtime::{Builder, Runtime};
use tokio::task::AbortHandle;

use crate::error::{Error, Result, machine};
use crate::servers::postgres_access::connect;

/// A session works only in the runtime in which it began, and each test has a runtime of its own.
static RUNTIME: LazyLock<io::Result<Runtime>> = LazyLock::new(|| {
    Builder::new_multi_thread().worker_threads(1).thread_name("administrators").enable_all().build()
});
/// The sessions in which nothing is done, by their server.
static IDLE: Mutex<BTreeMap<Url, Vec<PgConnection>>> = Mutex::new(BTreeMap::new());

/// Work that ends when nobody waits for it any more. What it went on to make would come after the caller has removed
/// what there is.
struct Ending(AbortHandle);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Does this in a session of the administrator. The session is kept if the work gives it back.
pub(crate) async fn in_session<T, Work>(
    admin: &Url,
    work: impl FnOnce(PgConnection) -> Work + Send + 'static,
) -> Result<T>
where
    T: Send + 'static,
    Work: Future<Output = Result<(PgConnection, T)>> + Send + 'static,
{
    let failed = || machine("work as an administrator");
    let runtime = RUNTIME.as_ref();
    let runtime = runtime.map_err(|error| failed()(io::Error::other(error.to_string())))?;
    let admin = admin.clone();
    let done = runtime.spawn(async move {
        let (session, done) = work(session(&admin).await?).await?;
        idle(|idle| idle.entry(admin).or_default().push(session));
        Ok::<_, Error>(done)
    });
    let _ending = Ending(done.abort_handle());
    done.await.map_err(|ended| failed()(ended.into()))?
}

async fn session(admin: &Url) -> Result<PgConnection> {
    // The server may have been killed meanwhile.
    while let Some(mut kept) = idle(|idle| idle.get_mut(admin).and_then(Vec::pop)) {
        if kept.ping().await.is_ok() {
            return Ok(kept);
        }
    }
    connect(admin).await
}

fn idle<T>(with: impl FnOnce(&mut BTreeMap<Url, Vec<PgConnection>>) -> T) -> T {
    with(&mut IDLE.lock().unwrap_or_else(PoisonError::into_inner))
}
