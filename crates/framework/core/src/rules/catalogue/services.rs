//! The rules for what a service declares besides its sagas: names, events, keys, copies, telemetry.

use super::{Rule, RuleKind, table};

table! {
    OF_SERVICES:

    READABLE B001 Service
        "a contract can be read"
        "What is in it is unknown to every check, to the broker's definitions and to the tools."
        "`ballet contract write SERVICE` writes it again; mend by hand what was written by hand."
    SERVICE_NAME B002 Service
        "a service's name is lower case with underscores"
        "It names the service's queue, its user in the broker, its database and its events."
        "Begin with a letter, and take lower-case letters, digits and underscores."
    SERVICE_NAME_TAKEN B003 Service
        "a service's name is its own"
        "Rights in the broker go by patterns over names, so the service would get rights of the system itself."
        "Choose another name for the service."
    STEP_NAME B004 Service
        "a step's name is lower case with underscores"
        "It stands in the ledger, in metrics and in calls."
        "Name the method with a verb and a noun: `reserve_stock`."
    STEP_NAME_UNIQUE B005 Service
        "a step's name is unique in its service"
        "The ledger would take one step for the other, and skip or undo the wrong one."
        "Rename one of the two methods."
    HANDLER_NAME B006 Service
        "a handler's name is unique for its event"
        "Two handlers of one name would share their retries and dead letters."
        "Declare the projection once, or rename it."
    EVENT_OWNER B009 Service
        "an event belongs to the service that it is named after"
        "The broker lets a service publish only events under its own name."
        "Rename the event, or let the other service publish it."
    SAGA_ROLE B010 Service
        "the events of a saga carry its id"
        "A plain event has no saga's id, so no step would find its saga."
        "Write `in_saga`, or `starts_saga`, in the event's `#[event(..)]`."
    ABORT_TRIGGER B011 Service
        "no step waits for its saga's abort"
        "After the abort no step of the saga runs."
        "React with `#[projects]`, or in the `undo` of a step."
    JOIN_TWICE B012 Service
        "a join waits for different events"
        "The second of two equal events never comes."
        "Name the event once."
    REPEATING_JOIN B013 Service
        "a step that repeats waits for one event"
        "A join has no key, so its repetitions could not be told apart, and none undone alone."
        "Let one event trigger it, or declare it with `#[compensatable]`."
    SAME_OUTCOMES B014 Service
        "a step's outcomes are different events"
        "Nobody who reads the event knows whether the step was done."
        "Give the refusal an event of its own."
    EMITTER B015 System
        "every trigger has an emitter"
        "What waits for an event that nobody publishes waits for ever."
        "Correct the name, declare the event in its service, or name a producer outside with `also_from`."
    EVENT_AGREEMENT B016 System
        "an event is the same for all services"
        "If its role or its producers differ, one service refuses what another one publishes."
        "Write the same `#[event(..)]` in both."
    SHARED_EVENT B017 Service
        "sagas share no event but the one that begins them"
        "A message carries its saga's id and not its name, so an event of one saga would run steps of another."
        "Give the saga an event of its own, or let it begin with this one."
    KEY_FIELD B021 Service
        "a key is a field of its event"
        "Nothing would ever be found by a key whose field is not there."
        "Write the field as `ballet catalog EVENT` lists it."
    KEY_TYPE B022 Service
        "a key is text or a number"
        "People search for keys, and cannot type anything else."
        "Choose a field with text, a UUID or a number."
    PERSONAL_REASON_GIVEN B023 Service
        "an event carries ids, not persons"
        "Events are kept where nobody can erase them."
        "Leave the field out, or give it an `x-personal-reason`."
    SCHEMA_REFERENCE B024 System
        "a schema has what it refers to"
        "Behind a dangling reference every body is right, so nothing is checked."
        "Write the part under `$defs` of the schema."
    BODY_FITS B025 System
        "a consumer reads what the publisher writes"
        "A message without a field that its reader requires is a dead letter."
        "Make the field optional in the reader, or let the publisher always write it."
    COPY_REQUEST B026 Service
        "who keeps a copy can ask for it"
        "A new reader could not fill its copy."
        "Add the reader's event to `requests(..)` of the `#[entity]`."
    COPY_FEED B027 Service
        "a copy is fed by the owner's events"
        "Only the owner knows the versions of its entities."
        "Name events of the owner in `fed_by(..)`."
    ENTITY_OWNER B028 System
        "an entity has one owner"
        "Versions of two owners cannot be compared, and one would overwrite the other."
        "Rename one of the entities."
    COPY_SHARED B029 System
        "what is copied is shared by its owner"
        "The copy would stay empty."
        "Add `shares(Entity = \"view\")` to the owner's `#[service(..)]`."
    COPY_HEARD B030 System
        "who asks for what is copied is heard"
        "The copy would stay empty, since nobody answers the request."
        "Add the reader's event to `requests(..)` of the entity in its owner, and release the owner first."
    READER_NAME B032 Service
        "each reader of telemetry has its own name"
        "Two readers of one name share an offset, and each misses what the other has read."
        "Rename one of the methods."
    TELEMETRY_PUBLISHED B033 System
        "telemetry that is read is published"
        "The reader would wait for ever."
        "Add `publishes_telemetry(..)` to the publisher's `#[service(..)]`."
    TELEMETRY_STREAMS B034 System
        "reader and publisher of telemetry mean the same streams"
        "A reader of fewer streams misses some, and one of more waits for some that are not there."
        "Write the same `partitions` in both; a new number is a new major version."
    EXCEPTION B035 Service
        "an exception has a rule that allows it, and a reason"
        "The next reader has to know what was accepted, and why."
        "Name a rule of the kinds `system` or `note`, and say why it does not matter here."
}
