-- What people can choose. At the limit a plan refuses the new stream, or stops the oldest.
create table plan (
    plan text collate "C",
    streams int not null,
    at_limit text not null,
    max_age smallint not null,
    constraint plan_pkey primary key (plan),
    constraint plan_streams check (streams between 1 and 20),
    constraint plan_at_limit check (at_limit in ('refuse', 'stop_oldest'))
);

insert into plan (plan, streams, at_limit, max_age) values
    ('basic', 1, 'stop_oldest', 18),
    ('duo', 2, 'refuse', 18),
    ('family', 4, 'stop_oldest', 18),
    ('kids', 2, 'refuse', 12);

-- One row per account. It is the only row of streaming that has a person's data, with the names of devices.
create table account (
    account_id uuid,
    version bigint not null,
    plan text collate "C" not null,
    -- The limits of the plan, so that the row alone says whether there is a slot.
    streams int not null,
    at_limit text not null,
    max_age smallint not null,
    -- The number of live slots. Their rows are in `slot`.
    live int not null default 0,
    region text not null,
    email text,
    name text,
    opened_at timestamptz not null,
    changed_at timestamptz not null,
    closed_at timestamptz,
    constraint account_pkey primary key (account_id),
    constraint account_has_plan foreign key (plan) references plan (plan),
    constraint account_live_within_plan check (live between 0 and streams),
    constraint account_at_limit check (at_limit in ('refuse', 'stop_oldest')),
    -- A closed account has no person.
    constraint account_of_person check ((closed_at is null) = (num_nulls(email, name) = 0)),
    constraint account_closed_has_nobody check (closed_at is null or num_nonnulls(email, name) = 0)
)
-- Each session updates the row twice.
with (fillfactor = 70);

create unique index account_by_email on account (lower(email));

create table device (
    device_id uuid,
    account_id uuid not null,
    name text not null,
    added_at timestamptz not null,
    constraint device_pkey primary key (device_id),
    constraint device_of_account foreign key (account_id) references account (account_id)
);

create index device_by_account on device (account_id, device_id);

-- The slot that each session has or had.
create table slot (
    session_id uuid,
    account_id uuid not null,
    device_id uuid not null,
    state text not null,
    taken_at timestamptz not null,
    ended_at timestamptz,
    constraint slot_pkey primary key (session_id),
    constraint slot_state check (state in ('live', 'displaced', 'released', 'cancelled')),
    constraint slot_ended check ((state = 'live') = (ended_at is null))
);

create index slot_live on slot (account_id, taken_at, session_id) where state = 'live';
create index slot_by_account on slot (account_id);

-- `live` of the account is the number of its live slots: the database keeps it, so no code can forget it.
create function count_live_slots() returns trigger
language plpgsql
as $$
declare
    now_live int := case when tg_op <> 'DELETE' and new.state = 'live' then 1 else 0 end;
    was_live int := case when tg_op <> 'INSERT' and old.state = 'live' then 1 else 0 end;
begin
    if now_live <> was_live then
        update account set live = live + now_live - was_live
        where account_id = coalesce(new.account_id, old.account_id);
    end if;
    return null;
end
$$;

create trigger slot_counts after insert or update or delete on slot
for each row execute function count_live_slots();

-- Who has erased what they held about a closed account. It has ids and no person.
create table closure (
    closure_id uuid,
    account_id uuid not null,
    closed_at timestamptz not null,
    -- When every service has to have erased what it holds.
    due_at timestamptz not null,
    playback_at timestamptz,
    titles_at timestamptz,
    analytics_at timestamptz,
    erased_at timestamptz,
    constraint closure_pkey primary key (closure_id),
    constraint closure_once unique (account_id)
);
