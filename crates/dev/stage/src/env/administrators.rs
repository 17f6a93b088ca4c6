//! Administrators' sessions, each kept for the next environment.

use std::io;
use std::sync::LazyLock;

use sqlx::PgConnection;
use tokio::runtime::{Builder, Runtime};
use tokio::task::AbortHandle;
use url::Url;

use crate::env::idle_sessions::IdleSessions;
use crate::error::{Error, Result, machine};
use crate::servers::postgres_access::connect;

/// A session works only in the runtime that began it, and each test has its own.
static RUNTIME: LazyLock<io::Result<Runtime>> = LazyLock::new(|| {
    Builder::new_multi_thread().worker_threads(1).thread_name("administrators").enable_all().build()
});
static IDLE: IdleSessions = IdleSessions::new();

/// Work that ends when nobody waits any more: what it made later would outlive the caller's clean-up.
struct Ending(AbortHandle);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Keeps the session if the work gives it back.
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
        let session = match IDLE.take(admin.as_str()).await {
            Some(kept) => kept,
            None => connect(&admin).await?,
        };
        let (session, done) = work(session).await?;
        IDLE.keep(admin.as_str(), session);
        Ok::<_, Error>(done)
    });
    let _ending = Ending(done.abort_handle());
    done.await.map_err(|ended| failed()(ended.into()))?
}
