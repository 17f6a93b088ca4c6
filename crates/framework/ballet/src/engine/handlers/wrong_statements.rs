//! Statements that the database does not take as they are written, such as an unknown table, or a
//! wrong type. No retry helps, so the log says it at the first failure, and readiness while it goes
//! on.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sqlx::PgPool;
use tokio::time::Instant;

use crate::declare::handler::database_wait::answered;
use crate::declare::handler::failure::Failure;

/// How long a step is named after its statement was wrong. The attempts of one message go from
/// replica to replica, and none of these is unready for long.
const NAMED_FOR: Duration = Duration::from_secs(20);
/// The log names a step again after this long.
const LOGGED_AGAIN: Duration = Duration::from_secs(15 * 60);
/// The number of looks for a statement, and the pause between them.
const LOOKS: u32 = 10;
const BETWEEN_LOOKS: Duration = Duration::from_millis(20);
const LONGEST: usize = 500;
/// The statement of the transaction that has failed and waits for its rollback. Among several,
/// nobody knows the step's.
const FAILED: &str = "select min(query) from pg_stat_activity where datname = current_database() \
     and usename = current_user and state = 'idle in transaction (aborted)' having count(*) = 1";

#[derive(Debug)]
pub(crate) struct WrongStatements {
    database: PgPool,
    of_steps: Mutex<BTreeMap<&'static str, WrongStatement>>,
}

#[derive(Debug)]
struct WrongStatement {
    why: String,
    logged: Instant,
    last: Instant,
}

impl WrongStatements {
    pub(crate) fn new(database: PgPool) -> Self {
        Self { database, of_steps: Mutex::default() }
    }

    pub(super) async fn ran<T>(&self, step: &'static str, ended: &Result<T, Failure>) {
        if let Err(failure) = ended
            && failure.is_wrong_statement()
        {
            self.failed(step, failure).await;
        }
    }

    async fn failed(&self, step: &'static str, failure: &Failure) {
        if let Some(known) = self.of_steps().get_mut(step)
            && known.logged.elapsed() < LOGGED_AGAIN
        {
            known.last = Instant::now();
            return;
        }
        let asked = async {
            let mut db = self.database.acquire().await?;
            let mut found: Option<String> = None;
            // The server reports the failure a moment before it shows the session as failed.
            for _ in 0..LOOKS {
                found = sqlx::query_scalar(FAILED).fetch_optional(&mut *db).await?;
                if found.is_some() {
                    break;
                }
                tokio::time::sleep(BETWEEN_LOOKS).await;
            }
            Ok::<_, sqlx::Error>(found)
        };
        let said = failure.to_string();
        // If a savepoint was rolled back, the statement may be another session's. The right one
        // contains what the error quotes.
        let is_of = |statement: &String| {
            said.split('"').skip(1).step_by(2).all(|quoted| statement.contains(quoted))
        };
        let statement = answered(asked).await.ok().flatten().filter(is_of);
        let statement = statement.map_or_else(String::new, |statement| {
            format!(": {}", statement.chars().take(LONGEST).collect::<String>())
        });
        let why = format!("a statement of {step} does not fit the database: {said}{statement}");
        tracing::error!(step, "{why}");
        let now = Instant::now();
        self.of_steps().insert(step, WrongStatement { why, logged: now, last: now });
    }

    pub(crate) fn said(&self) -> Option<String> {
        let of_steps = self.of_steps();
        let mut recent = of_steps.values().filter(|step| step.last.elapsed() < NAMED_FOR);
        recent.next().map(|step| step.why.clone())
    }

    fn of_steps(&self) -> MutexGuard<'_, BTreeMap<&'static str, WrongStatement>> {
        self.of_steps.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
