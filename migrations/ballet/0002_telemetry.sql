-- How far each reader of telemetry is, and which process reads. The row is written in the transaction of
-- what was read, so each measurement counts once.
create table ballet.telemetry_reader (
    reader text collate "C" not null,
    -- The type and the partition, as in the routing key.
    stream text collate "C" not null,
    -- The offset of the next message. Null: from the beginning, or from `begins_at`.
    next_offset bigint,
    -- From which time on, after a rewind to a time.
    begins_at timestamptz,
    -- A fingerprint of the message before. A stream that was made anew has another one there.
    last_seen bigint,
    -- Raised by every new holder and every rewind. Who writes under an older one writes nothing.
    epoch bigint not null default 0,
    holder bigint,
    held_until timestamptz,
    -- Whether the reader has to delete what it has written, before it goes on.
    reset_wanted boolean not null default false,
    -- When the last message that was read was published, and when it was read.
    published_at timestamptz,
    read_at timestamptz,
    read_count bigint not null default 0,
    aside_count bigint not null default 0,
    missed_count bigint not null default 0,
    -- Where the stream ended when it was last looked at.
    end_offset bigint,
    -- Why it does not go on, if it does not.
    failure text,
    constraint telemetry_reader_pkey primary key (reader, stream)
);

-- The processes that could read: they share the streams.
create table ballet.telemetry_replica (
    reader text collate "C" not null,
    process bigint not null,
    seen_at timestamptz not null,
    constraint telemetry_replica_pkey primary key (reader, process)
);

-- What a reader has missed, because the stream kept less or was made anew.
create table ballet.telemetry_missed (
    reader text not null,
    stream text not null,
    from_offset bigint not null,
    -- The first offset that it has read again. Null if nobody knows what was lost.
    to_offset bigint,
    -- `retention` or `made_anew`.
    reason text not null,
    at timestamptz not null
);
create index telemetry_missed_at on ballet.telemetry_missed (at);

-- Messages that could not be read. The newest 10,000 of a reader stay.
create table ballet.telemetry_aside (
    reader text collate "C" not null,
    stream text not null,
    message_offset bigint not null,
    reason text not null,
    detail text not null,
    -- At most 16 KiB of it.
    body bytea not null,
    at timestamptz not null
);
create index telemetry_aside_at on ballet.telemetry_aside (reader, at);

-- As for ballet.intervention.
alter table ballet.telemetry_missed replica identity full;
alter table ballet.telemetry_aside replica identity full;
