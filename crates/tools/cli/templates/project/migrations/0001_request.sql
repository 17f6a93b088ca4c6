create table request (
    request_id uuid primary key,
    wanted text not null,
    places int not null,
    state text not null default 'open',
    reason text
);
create table held (request_id uuid primary key, places int not null);
