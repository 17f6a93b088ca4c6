-- The one clock of all that processes share: ages, leases, due times. The clocks of processes differ.
-- It is a function, so that a test, or a run with time sped up, can replace it.
create function ballet.now() returns timestamptz
language sql volatile parallel safe
as 'select pg_catalog.clock_timestamp()';
