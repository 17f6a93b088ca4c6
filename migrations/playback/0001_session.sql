-- One row per session: the arbiter of whether it starts, and of how it ends.
create table session (
    session_id uuid,
    -- Nobody's, once the account is erased.
    account_id uuid,
    device_id uuid,
    title_id uuid not null,
    status text not null,
    -- Why it has to end, as soon as anything says so. It does not count as live from then on.
    ending text,
    requested_at timestamptz not null,
    started_at timestamptz,
    -- When its licence ends.
    until timestamptz,
    length_seconds int,
    -- The newest sign of life.
    number int not null default 0,
    seen_at timestamptz,
    position_seconds int not null default 0,
    watched_seconds int not null default 0,
    -- Why it was refused, or ended.
    reason text,
    failed_step text,
    detail text,
    ended_at timestamptz,
    constraint session_pkey primary key (session_id),
    constraint session_status check (status in ('requested', 'playing', 'refused', 'ended')),
    constraint session_started check (
        status in ('requested', 'refused') or num_nulls(started_at, until, length_seconds, seen_at) = 0
    ),
    constraint session_over check (
        (status in ('refused', 'ended')) = (num_nulls(reason, ended_at) = 0)
    ),
    constraint session_counts check (
        number >= 0 and position_seconds >= 0 and watched_seconds >= 0
    )
)
-- Every sign of life updates the row, and nothing that is indexed.
with (fillfactor = 60);

create index session_by_account on session (account_id, session_id) where account_id is not null;
create index session_open on session (account_id, device_id) where status in ('requested', 'playing');

-- Where an account stopped in a title, on whatever device.
create table position (
    account_id uuid,
    title_id uuid,
    position_seconds int not null,
    watched_at timestamptz not null,
    constraint position_pkey primary key (account_id, title_id)
);

-- The accounts that are being erased, by closure.
create table erasing (
    closure_id uuid,
    account_id uuid not null,
    constraint erasing_pkey primary key (closure_id)
);
