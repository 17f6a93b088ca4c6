-- The tables and sequences that the service's migrations have made, as the newest of them left these. What is
-- missing of them keeps the service from working. What else is in the database may come and go.
create table ballet.own_table (
    name text primary key,
    -- The newest migration of the service at that time.
    version bigint not null
);
