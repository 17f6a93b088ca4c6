//! Faults of a participant: each a small change to the service in Python, the scenario that has to find it, and a
//! part of its report.

use std::fs;
use std::path::{Path, PathBuf};

use ballet_testkit::participant::Scenario;

#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) name: &'static str,
    pub(crate) scenario: Scenario,
    pub(crate) says: &'static str,
    /// The file, the text in it, and its replacement.
    changes: &'static [(&'static str, &'static str, &'static str)],
}

/// A faulty copy of the program. Dropping it removes it.
#[derive(Debug)]
pub(crate) struct Copy(PathBuf);

impl Copy {
    pub(crate) fn dir(&self) -> &Path {
        &self.0
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

pub(crate) fn original() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../python-loyalty")
}

impl Fault {
    /// A change that no longer fits is an error.
    pub(crate) fn copy(&self) -> Copy {
        let name: String =
            self.name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let copy = Copy(dir);
        let package = copy.dir().join("loyalty");
        fs::create_dir_all(&package).expect("a directory");
        for file in fs::read_dir(original().join("loyalty")).expect("the program").flatten() {
            if file.path().is_file() {
                fs::copy(file.path(), package.join(file.file_name())).expect("a copy");
            }
        }
        for (file, from, to) in self.changes {
            let path = package.join(file);
            let text = fs::read_to_string(&path).expect("a file of the program");
            assert_eq!(text.matches(from).count(), 1, "{}: {file} has {from:?} once", self.name);
            fs::write(&path, text.replace(from, to)).expect("a file with a fault");
        }
        copy
    }
}

const NO_INBOX: (&str, &str, &str) = ("saga.py", ".rowcount == 0:", ".rowcount < 0:");
const NO_LEDGER: (&str, &str, &str) = (
    "saga.py",
    "(message.saga_id, step.name)).rowcount > 0:",
    "(message.saga_id, \"\")).rowcount > 0:",
);
const LEDGER_TAKES_ALL: (&str, &str, &str) =
    ("saga.py", "'done', %s)\"", "'done', %s) on conflict do nothing\"");
const NO_TOMBSTONE: (&str, &str, &str) =
    ("saga.py", "    db.execute(tombstone, (message.saga_id,))\n", "");
const NO_LOCK: (&str, &str, &str) = (
    "saga.py",
    "select pg_advisory_xact_lock(hashtextextended(%s, 0)), now()",
    "select length(%s), now()",
);
const EVENT: &str = "published are";

pub(crate) const FAULTS: &[Fault] = &[
    Fault {
        name: "it takes no packs",
        scenario: Scenario::Packed,
        says: EVENT,
        changes: &[("service.py", "members = split(delivery)", "members = [delivery]")],
    },
    Fault {
        name: "it leaves events in the broker's memory",
        scenario: Scenario::Twice,
        says: "`delivery_mode` is not 2",
        changes: &[("outgoing.py", "PERSISTENT = 2", "PERSISTENT = 1")],
    },
    Fault {
        name: "it has an inbox and no ledger",
        scenario: Scenario::Twice,
        says: EVENT,
        changes: &[NO_LEDGER, LEDGER_TAKES_ALL],
    },
    Fault {
        name: "it looks into its ledger before it writes, and locks nothing",
        scenario: Scenario::TwoProcesses,
        says: EVENT,
        changes: &[NO_LOCK, LEDGER_TAKES_ALL],
    },
    Fault {
        name: "it leaves no tombstone",
        scenario: Scenario::AbortBefore,
        says: EVENT,
        changes: &[NO_TOMBSTONE],
    },
    Fault {
        name: "it compensates as often as it is told to",
        scenario: Scenario::AbortAfter,
        says: EVENT,
        changes: &[("saga.py", " and state = 'done' returning", " returning")],
    },
    Fault {
        name: "it deletes from its outbox before it publishes",
        scenario: Scenario::KilledAfterCommit,
        says: EVENT,
        changes: &[(
            "outbox.py",
            "            for row in found:\n                send(row)",
            "        for row in found:\n            send(row)",
        )],
    },
    Fault {
        name: "it lets the broker acknowledge for it",
        scenario: Scenario::KilledUnderLoad,
        says: EVENT,
        changes: &[
            ("service.py", "inactivity_timeout=TICK", "inactivity_timeout=TICK, auto_ack=True"),
            ("service.py", "        channel.basic_ack(delivery.method.delivery_tag)\n", ""),
        ],
    },
    Fault {
        name: "it publishes before it commits",
        scenario: Scenario::NotBeforeCommit,
        says: "before its effect is committed",
        changes: &[(
            "service.py",
            "            failed = self.attempt(db, delivery)\n",
            "            with db.transaction():\n                \
             failed = self.attempt(db, delivery)\n                \
             outbox.publish(db, lambda row: send(channel, outgoing.event(service, row)))\n",
        )],
    },
    Fault {
        name: "it dies of SIGTERM",
        scenario: Scenario::AbortBefore,
        says: "after SIGTERM",
        changes: &[("__main__.py", "(signal.SIGTERM, signal.SIGINT)", "(signal.SIGINT,)")],
    },
    Fault {
        name: "it ends when a connection does",
        scenario: Scenario::ConnectionsLost,
        says: "the program ended with",
        changes: &[(
            "service.py",
            "                LOG.warning(\"a server is",
            "                raise\n                LOG.warning(\"a server is",
        )],
    },
    Fault {
        name: "it takes a lost database for the message's failure",
        scenario: Scenario::DatabaseAway,
        says: EVENT,
        changes: &[
            (
                "service.py",
                "                if db.closed or db.broken:\n                    raise\n",
                "",
            ),
            (
                "service.py",
                "RETRIES = (\"retry.5s\", \"retry.30s\", \"retry.5m\", \"retry.5m\")",
                "RETRIES = ()",
            ),
        ],
    },
    Fault {
        name: "it drops what it cannot read",
        scenario: Scenario::Poison,
        says: "dead letters",
        changes: &[(
            "service.py",
            "        send(channel, outgoing.dead_letter(self.part.service, delivery, why, attempts))\n",
            "",
        )],
    },
    Fault {
        name: "it acknowledges before it publishes a dead letter",
        scenario: Scenario::DeadLettersRefused,
        says: "dead letters",
        changes: &[(
            "service.py",
            "        send(channel, outgoing.dead_letter(self.part.service, delivery, why, attempts))\n",
            "        channel.basic_ack(delivery.method.delivery_tag)\n        \
             send(channel, outgoing.dead_letter(self.part.service, delivery, why, attempts))\n",
        )],
    },
    Fault {
        name: "it tries nothing again",
        scenario: Scenario::FailsForAWhile,
        says: "a copy in a retry queue",
        changes: &[(
            "service.py",
            "RETRIES = (\"retry.5s\", \"retry.30s\", \"retry.5m\", \"retry.5m\")",
            "RETRIES = ()",
        )],
    },
    Fault {
        name: "it has a ledger and no inbox",
        scenario: Scenario::ReusedId,
        says: EVENT,
        changes: &[NO_INBOX],
    },
    Fault {
        name: "it takes what is older than its memory",
        scenario: Scenario::OldIds,
        says: "the dead letters",
        changes: &[("saga.py", "        check_age(message, now)\n", "")],
    },
];
