-- The hash of the key under which a session was requested: a request that comes again is the same session. A
-- hash, because a gateway puts the account in front of the key.
alter table session add column asked bytea;

create unique index session_by_asked on session (asked);
