-- How far each session was counted, from its heartbeats. There is no account in this database.
create table session_count (
    session_id uuid,
    title_id uuid not null,
    -- The newest heartbeat that counts. Its sums are since the start of the session.
    number int not null,
    watched_seconds int not null,
    -- The last minute in which the session was counted as a viewer.
    minute timestamptz not null,
    constraint session_count_pkey primary key (session_id),
    constraint session_count_positive check (number >= 0 and watched_seconds >= 0)
)
-- Every heartbeat updates a row.
with (fillfactor = 60);

-- What was watched, by the minute in which it was watched: for the last hour, and for the peaks.
create table title_minute (
    title_id uuid,
    minute timestamptz,
    viewers int not null,
    watched_seconds bigint not null,
    constraint title_minute_pkey primary key (minute, title_id)
)
with (fillfactor = 70);

-- The same by the hour, for ever.
create table title_hour (
    title_id uuid,
    hour timestamptz,
    -- Sessions that started.
    views bigint not null default 0,
    -- What came in time.
    watched_seconds bigint not null default 0,
    -- What came when the hour was closed, and what the ends of sessions said otherwise.
    corrected_seconds bigint not null default 0,
    -- The most viewers of a minute.
    peak int not null default 0,
    constraint title_hour_pkey primary key (hour, title_id)
)
with (fillfactor = 70);

create index title_hour_of_title on title_hour (title_id, hour);

-- The sessions that started and ended, as playback said it.
create table session_start (
    session_id uuid,
    constraint session_start_pkey primary key (session_id)
);

create table session_end (
    session_id uuid,
    title_id uuid not null,
    hour timestamptz not null,
    watched_seconds int not null,
    -- What its heartbeats say less: the end is right.
    corrected_seconds int not null,
    constraint session_end_pkey primary key (session_id)
);
