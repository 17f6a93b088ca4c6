-- One row per title, for ever: a withdrawn one keeps its row with its last version.
create table title (
    title_id uuid,
    version bigint not null,
    name text not null,
    description text not null,
    genre text collate "C" not null,
    min_age smallint not null,
    length_seconds int not null,
    -- Where and when it may be shown. Written once and read whole.
    rights jsonb not null,
    published_at timestamptz not null,
    changed_at timestamptz not null,
    withdrawn_at timestamptz,
    constraint title_pkey primary key (title_id),
    constraint title_version_positive check (version > 0),
    constraint title_length_positive check (length_seconds > 0),
    constraint title_withdrawn_last check (withdrawn_at = changed_at)
);

create index title_to_watch on title (title_id) where withdrawn_at is null;
create index title_by_genre on title (genre, title_id) where withdrawn_at is null;

-- The words by which a title is found: migrations/catalog/0001_product.sql says why.
create function title_words(name text, genre text, description text) returns tsvector
language sql immutable parallel safe
as $$
    select setweight(to_tsvector('simple', translate(name, '<>/.@:_-', '        ')), 'A')
        || setweight(to_tsvector('simple', genre), 'B')
        || to_tsvector('simple', translate(description, '<>/.@:_-', '        '))
$$;
create index title_by_words on title using gin (title_words(name, genre, description))
with (fastupdate = off) where withdrawn_at is null;

-- The titles as others copy them: `state` is the title as its events carry it. A withdrawn one stays, with its last
-- version and without a state.
create view shared_title as
select title_id::text as id, version,
    case when withdrawn_at is null then
        jsonb_build_object(
            'title_id', title_id,
            'version', version,
            'name', name,
            'description', description,
            'genre', genre,
            'min_age', min_age,
            'length_seconds', length_seconds,
            'rights', rights,
            'published_at', published_at,
            'changed_at', changed_at)
    end as state
from title;

-- The licence that each session has or had.
create table license (
    session_id uuid,
    title_id uuid not null,
    -- Nobody's, once the account is erased.
    account_id uuid,
    state text not null,
    granted_at timestamptz not null,
    until timestamptz not null,
    constraint license_pkey primary key (session_id),
    constraint license_of_title foreign key (title_id) references title (title_id),
    constraint license_state check (state in ('live', 'ended', 'cancelled', 'revoked'))
);

create index license_live on license (title_id, session_id) where state = 'live';
create index license_by_account on license (account_id) where account_id is not null;
