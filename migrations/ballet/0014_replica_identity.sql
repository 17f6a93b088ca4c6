-- Where a publication has all tables, as for a server's replacement by logical replication, Postgres deletes no row of a table
-- without a primary key.
alter table ballet.intervention replica identity full;
alter table ballet.telemetry_missed replica identity full;
alter table ballet.telemetry_aside replica identity full;
