//! The tools: each is a subcommand under another name.

/// A tool. Its description and its arguments come from the subcommand's own help.
#[derive(Debug, Clone, Copy)]
pub(super) struct ToolSpec {
    pub(super) name: &'static str,
    /// The subcommand.
    pub(super) command: &'static [&'static str],
    /// What an agent has to know besides the subcommand's help.
    pub(super) more: &'static str,
    pub(super) kind: ToolKind,
}

/// Whether a tool changes something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ToolKind {
    Look,
    Act,
}

const fn look(
    name: &'static str,
    command: &'static [&'static str],
    more: &'static str,
) -> ToolSpec {
    ToolSpec { name, command, more, kind: ToolKind::Look }
}

const fn act(name: &'static str, command: &'static [&'static str], more: &'static str) -> ToolSpec {
    ToolSpec { name, command, more, kind: ToolKind::Act }
}

/// All tools. What is wrong comes first, since most questions begin there.
pub(super) const TOOLS: [ToolSpec; 24] = [
    look(
        "doctor",
        &["doctor"],
        "With `quiet` only what is wrong, each finding with `do`, the advice.",
    ),
    look(
        "sagas_stuck",
        &["sagas", "stuck"],
        "Begin here when something hangs. `said` names what blocks sagas without being their fault.",
    ),
    look(
        "sagas_list",
        &["sagas", "list"],
        "A state is waiting (on time), blocked (the cause is known and passes), stuck (a person has to act), completed \
         or aborted.",
    ),
    look(
        "sagas_show",
        &["sagas", "show"],
        "Its events in order, each with the service whose lane it is in; what it waits for; what persons did.",
    ),
    look("sagas_versions", &["sagas", "versions"], ""),
    look("dlq_groups", &["dlq", "groups"], "Begin here with dead letters: one row for each cause."),
    look("dlq_list", &["dlq", "list"], ""),
    look("dlq_show", &["dlq", "show"], ""),
    look("inbox_list", &["inbox", "list"], ""),
    look("outbox_list", &["outbox", "list"], ""),
    look("services", &["services"], ""),
    look("copies_list", &["copies", "list"], ""),
    look("telemetry_list", &["telemetry", "list"], ""),
    look("audit", &["audit"], ""),
    look("topology_check", &["topology", "check"], ""),
    look(
        "check",
        &["check"],
        "No server is needed. Without a row of the level error all contracts are sound. It reads the files each time.",
    ),
    look(
        "catalog",
        &["catalog"],
        "No server is needed. Without an event it lists all, without their schemas. The contracts are those of this \
         server's start.",
    ),
    act(
        "dlq_redrive",
        &["dlq", "redrive"],
        "Fix the cause first: what fails again is a dead letter again.",
    ),
    act("dlq_discard", &["dlq", "discard"], "They are never handled: a file keeps them."),
    act("dlq_edit", &["dlq", "edit"], "A masked value has to be given in full."),
    act("inbox_retry", &["inbox", "retry"], ""),
    act(
        "sagas_solved",
        &["sagas", "solved"],
        "Only once a person has done it outside of the system, or has asked the other side.",
    ),
    act("sagas_stop", &["sagas", "stop"], "Its owner aborts it, and services compensate."),
    act("topology_repair", &["topology", "repair"], ""),
];
