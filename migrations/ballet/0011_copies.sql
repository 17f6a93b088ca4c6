-- Copies of other services' entities. A removed entity keeps its row and its version, so that an older
-- event that comes late cannot bring it back.
create table ballet.copy (
    entity text not null,
    id text collate "C" not null,
    version bigint not null,
    -- Null if the entity was removed.
    state jsonb,
    -- The run of the owner that brought the state; null if an event of its own did.
    run uuid,
    constraint copy_pkey primary key (entity, id)
);

-- How each copy is filled: a row for each entity that this service copies. A run of the owner brings all
-- entities; its pages may come in any order, so they are counted.
create table ballet.copy_fill (
    entity text not null,
    owner text not null,
    -- The newest run that a page came of, how many came, and how many there are, once that is known.
    run uuid,
    seen bigint not null default 0,
    pages bigint,
    page_at timestamptz,
    -- The last run that came whole.
    filled_run uuid,
    filled_at timestamptz,
    requested_at timestamptz,
    constraint copy_fill_pkey primary key (entity)
);

-- How an owner publishes its entities anew: a row for each entity that this service shares. The number of
-- requests is raised with each; one run serves all that came before it began.
create table ballet.republication (
    entity text not null,
    -- The view with the columns id, version and state.
    source text not null,
    requested bigint not null default 0,
    begun bigint not null default 0,
    done bigint not null default 0,
    -- The run, the last id that it has published, and how much.
    run uuid,
    position text,
    pages bigint not null default 0,
    entities bigint not null default 0,
    -- When the next page may be published: the rate is that of all replicas together.
    next_at timestamptz not null default ballet.now(),
    -- Why the last page could not be published.
    failure text,
    constraint republication_pkey primary key (entity)
);
