-- How many requests of a window the gateways have taken for a client. Not logged: after a crash of
-- the server the limits begin anew, which costs less than writing each of them to disk.
create unlogged table gateway.rate_window (
    rate text not null,
    client text not null,
    -- Seconds since 1970, a multiple of the window.
    window_start bigint not null,
    -- Requests that all gateways together may have let through.
    taken integer not null,
    -- What the last statement got.
    granted integer not null,
    constraint rate_window_pkey primary key (rate, client)
);

-- Requests with an Idempotency-Key, and their answers.
create table gateway.idempotent_request (
    client text not null,
    key text not null,
    -- Of method, path and body.
    fingerprint bytea not null,
    -- Who runs it: an answer of an earlier attempt is not kept.
    attempt bigint not null,
    -- A gateway that has not answered by then is dead, and the outcome unknown.
    lease_until timestamptz not null,
    expires_at timestamptz not null,
    -- Null until there is an answer.
    status integer,
    headers text,
    -- Null beside a status: the answer was too large to be kept.
    body bytea,
    constraint idempotent_request_pkey primary key (client, key)
);

create index idempotent_request_by_end on gateway.idempotent_request (expires_at);
