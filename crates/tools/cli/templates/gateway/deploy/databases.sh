#!/bin/bash
# Creates a database with an owner for each of $SERVICES, where it is missing. The passwords are those of
# broker/definitions.json: a name and `-development`.
set -euo pipefail
for name in $SERVICES; do
    psql --quiet --no-psqlrc --set ON_ERROR_STOP=1 --set name="$name" <<'SQL'
select format('create role %I login password %L', :'name', :'name' || '-development')
 where not exists (select from pg_roles where rolname = :'name') \gexec
select format('create database %I owner %I template template0', :'name', :'name')
 where not exists (select from pg_database where datname = :'name') \gexec
select format('revoke all on database %I from public', :'name') \gexec
SQL
done
