//! What the watches look at: the row of a playing session, and the rows of a closed account.

use ballet::{Failure, Look, SagaId, Tx};
use jiff::{SignedDuration, Timestamp};
use streaming_events::playback::{EndReason, PlaybackEnded, ViewerErased};
use streaming_events::{ClosureId, SessionId};

use crate::session::Session;
use crate::store::ending::erase;
use crate::store::session;

/// The interval between two looks at the sessions of a closed account.
const AGAIN: SignedDuration = SignedDuration::from_millis(500);

pub(crate) async fn look_at_session(
    tx: &mut Tx<'_>,
    lost_after: SignedDuration,
) -> Result<Look<PlaybackEnded>, Failure> {
    let (session_id, now) = (SessionId(saga_id(tx)?.0), tx.now());
    let found = session::find(tx.db(), session_id).await?;
    let found = found.ok_or_else(|| Failure::permanent("the session has no row"))?;
    let (reason, ended_at) = match judge(&found, lost_after, now)? {
        SessionVerdict::Lives { for_now } => return Ok(Look::Open(for_now)),
        SessionVerdict::Over { reason, ended_at } => (reason, ended_at),
    };
    // A heartbeat may have come since.
    let found = session::end(tx.db(), session_id, reason, ended_at).await?;
    Ok(Look::Over(PlaybackEnded {
        session_id,
        title_id: found.title_id,
        reason,
        started_at: found.started_at.unwrap_or(ended_at),
        ended_at,
        watched_seconds: found.watched_seconds.unsigned_abs(),
        position_seconds: found.position_seconds.unsigned_abs(),
    }))
}

pub(crate) async fn look_at_erasure(tx: &mut Tx<'_>) -> Result<Look<ViewerErased>, Failure> {
    let closure_id = ClosureId(saga_id(tx)?.0);
    Ok(match erase(tx.db(), closure_id).await? {
        Some(account_id) => Look::Over(ViewerErased { closure_id, account_id }),
        None => Look::Open(AGAIN),
    })
}

fn saga_id(tx: &Tx<'_>) -> Result<SagaId, Failure> {
    tx.saga_id().ok_or_else(|| Failure::permanent("a watch has no saga"))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SessionVerdict {
    Lives { for_now: SignedDuration },
    Over { reason: EndReason, ended_at: Timestamp },
}

fn judge(
    session: &Session,
    lost_after: SignedDuration,
    now: Timestamp,
) -> Result<SessionVerdict, Failure> {
    let missing = || Failure::permanent(format!("session {} has not started", session.session_id));
    let (until, seen_at) =
        (session.until.ok_or_else(missing)?, session.seen_at.ok_or_else(missing)?);
    if let Some(reason) = session.ending {
        return Ok(SessionVerdict::Over { reason, ended_at: now });
    }
    if until <= now {
        return Ok(SessionVerdict::Over { reason: EndReason::LicenseExpired, ended_at: until });
    }
    // `seen_at` may be from a clock that was ahead. Until the next heartbeat `now` counts.
    let lost_at = seen_at.min(now) + lost_after;
    if lost_at <= now {
        return Ok(SessionVerdict::Over { reason: EndReason::Lost, ended_at: seen_at });
    }
    Ok(SessionVerdict::Lives { for_now: until.min(lost_at).duration_since(now) })
}

#[cfg(test)]
mod tests {
    use streaming_events::{AccountId, DeviceId, TitleId};

    use super::*;
    use crate::session::SessionStatus;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).expect("a time")
    }

    fn session(ending: Option<EndReason>, seen: i64) -> Session {
        let id = sqlx::types::Uuid::nil();
        Session {
            session_id: SessionId(id),
            account_id: Some(AccountId(id)),
            device_id: Some(DeviceId(id)),
            title_id: TitleId(id),
            status: SessionStatus::Playing,
            ending,
            requested_at: at(0),
            started_at: Some(at(0)),
            until: Some(at(100)),
            seen_at: Some(at(seen)),
            position_seconds: 0,
            watched_seconds: 0,
            reason: None,
            failed_step: None,
            detail: None,
            ended_at: None,
        }
    }

    #[test]
    fn a_session_is_over_when_something_says_so_or_nobody_is_there() {
        let over = |reason, second| SessionVerdict::Over { reason, ended_at: at(second) };
        let lives = |seconds| SessionVerdict::Lives { for_now: SignedDuration::from_secs(seconds) };
        for (ending, seen, now, expected) in [
            (None, 0, 10, lives(20)),
            (None, 80, 90, lives(10)),
            (None, 3_610, 10, lives(30)),
            (None, 0, 30, over(EndReason::Lost, 0)),
            (None, 95, 100, over(EndReason::LicenseExpired, 100)),
            (Some(EndReason::Displaced), 0, 10, over(EndReason::Displaced, 10)),
            (Some(EndReason::Withdrawn), 0, 500, over(EndReason::Withdrawn, 500)),
        ] {
            let judged = judge(&session(ending, seen), SignedDuration::from_secs(30), at(now));
            assert_eq!(judged.expect("a judgement"), expected, "{ending:?} at {now}");
        }
    }
}
