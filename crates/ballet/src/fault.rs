//! Where a process may die, so that a test can make it die there.
//!
//! The code says at each [`FaultPoint`] that it is there, and what it is working on. With the
//! feature `faults`, and only then, a process whose `BALLET_FAULTS` names a directory
//!
//! - appends a line `<point>@<what>` to the file `seen` the first time that it is there, and
//! - kills itself (SIGKILL) when the file `aim` holds that line; it removes the file first, so
//!   that the process that is started next lives.

/// What a point is about, so that the things to aim at can be read from what a service declares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    /// An event that comes in, by its type.
    Delivery,
    /// A row that a transaction adds to the ledger, `<entry>:<step>`; where it adds none, an event
    /// that it emits, by its type.
    Row,
    /// A call to the outside, `<step>` or `undo:<step>`.
    Call,
    /// An event that goes out, by its type.
    Event,
    /// A copy of a message, by the exchange that it goes to.
    Copy,
    /// The framework's own tables, by what happens to them.
    Tables,
    /// A dead letter that a tool takes away, by the service that it belongs to. No service does.
    Letter,
}

macro_rules! points {
    ($($(#[doc = $doc:literal])+ $point:ident = $name:literal about $($about:ident)|+,)+) => {
        /// A place in the code where a process may die.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum FaultPoint {
            $($(#[doc = $doc])+ $point,)+
        }

        impl FaultPoint {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$point),+];

            /// Its name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$point => $name,)+
                }
            }

            /// What it is about.
            #[must_use]
            pub const fn about(self) -> &'static [About] {
                match self {
                    $(Self::$point => &[$(About::$about),+],)+
                }
            }
        }
    };
}

points! {
    /// A batch's transaction is open, nothing is done in it.
    AfterBegin = "after_begin" about Delivery | Call,
    /// The handlers have run, nothing is written but their rows.
    AfterHandler = "after_handler" about Row,
    /// All is written, and not committed.
    BeforeCommit = "before_commit" about Row,
    /// Committed, and nobody knows.
    AfterCommit = "after_commit" about Row,
    /// A call is to be made.
    BeforeCall = "before_call" about Call,
    /// The call is made, its answer is known and not recorded.
    AfterCall = "after_call" about Call,
    /// A failed call is to be noted down.
    BeforeNote = "before_note" about Call,
    /// It is noted down.
    AfterNote = "after_note" about Call,
    /// A call of a process that is gone is to be taken over.
    BeforeTakeOver = "before_take_over" about Call,
    /// It is taken over, and not made.
    AfterTakeOver = "after_take_over" about Call,
    /// An event is to be published.
    BeforePublish = "before_publish" about Event,
    /// It is sent, and not confirmed.
    AfterPublish = "after_publish" about Event,
    /// It is confirmed, and nothing made of it.
    AfterConfirm = "after_confirm" about Event,
    /// The mark that it is published is written, and not committed.
    BeforeMark = "before_mark" about Event,
    /// The mark is committed.
    AfterMark = "after_mark" about Event,
    /// An event that was left behind is read back, and to be published.
    BeforeSweep = "before_sweep" about Event,
    /// A message is settled, and to be acknowledged.
    BeforeAck = "before_ack" about Delivery,
    /// It is acknowledged.
    AfterAck = "after_ack" about Delivery,
    /// A dead letter, or a message for later, is to be published.
    BeforeCopy = "before_copy" about Copy,
    /// It is confirmed, its original is not acknowledged.
    AfterCopy = "after_copy" about Copy,
    /// Tables of the framework are changed, and it is not committed.
    BeforeTables = "before_tables" about Tables,
    /// It is committed.
    AfterTables = "after_tables" about Tables,
    /// A dead letter, or a note of it, is to be published.
    BeforeLetter = "before_letter" about Letter,
    /// It is sent, and not confirmed.
    AfterLetter = "after_letter" about Letter,
    /// All of it is confirmed, and the dead letter is to be removed.
    BeforeRemoval = "before_removal" about Letter,
    /// It is removed.
    AfterRemoval = "after_removal" about Letter,
}

#[cfg(feature = "faults")]
pub(crate) use armed::{aims, delivered, emitted, point};
#[cfg(not(feature = "faults"))]
pub(crate) use unarmed::{aims, delivered, emitted, point};

#[cfg(feature = "faults")]
mod armed;
#[cfg(not(feature = "faults"))]
mod unarmed;

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    use super::*;

    /// What has to have a point on both sides of it.
    const DANGEROUS: [&str; 7] = [
        ".commit().await",
        "session.publish(",
        "session.ack(",
        "guarded(step.call(",
        "publish_until_confirmed(publisher, letter).await",
        "take_over(db",
        "note_failure(&engine",
    ];
    /// How many lines away it may be.
    const NEAR: usize = 12;

    #[test]
    fn a_commit_a_publish_an_ack_and_a_call_are_between_two_points() {
        let mut found = [0; DANGEROUS.len()];
        for file in sources(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src"))) {
            let text = fs::read_to_string(&file).expect("a source");
            let lines: Vec<&str> = text.lines().collect();
            let is_point = |line: &&str| line.contains("fault::point(");
            for (at, line) in lines.iter().enumerate() {
                let Some(which) = DANGEROUS.iter().position(|code| line.contains(code)) else {
                    continue;
                };
                if line.contains("self.work.commit") || file.ends_with("fault.rs") {
                    continue;
                }
                found[which] += 1;
                let before = lines[at.saturating_sub(NEAR)..at].iter().any(is_point);
                let after = lines[at + 1..].iter().take(NEAR).any(is_point);
                let place = format!("{}:{}: {line}", file.display(), at + 1);
                assert!(before && after, "put a `fault::point` before and after {place}");
            }
        }
        for (code, found) in DANGEROUS.iter().zip(found) {
            assert!(found > 0, "`{code}` is nowhere: this test looks for the wrong thing");
        }
    }

    #[test]
    fn every_point_is_reached_from_somewhere() {
        let all: String = sources(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")))
            .iter()
            .map(|file| fs::read_to_string(file).expect("a source"))
            .collect();
        for point in FaultPoint::ALL {
            assert!(all.contains(&format!("FaultPoint::{point:?}")), "{point:?} is nowhere");
        }
    }

    fn sources(directory: &Path) -> Vec<PathBuf> {
        let mut found = Vec::new();
        for entry in fs::read_dir(directory).expect("a directory") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                found.extend(sources(&path));
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
        found
    }
}
