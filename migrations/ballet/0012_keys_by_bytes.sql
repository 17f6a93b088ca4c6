-- no-transaction
-- The keys of the framework's tables compare by bytes. By the rules of a language their order changes with the server's libc
-- or ICU, and an index in the old order no longer finds what it has. A change builds a table's indexes anew while nobody
-- reads the table: half a second for 64 MB, so a bigger table stays as it is, and so does one whose keys a view has. Each
-- has a transaction of its own, since processes that work would wait for all of them, and in another order. A partition has
-- the collation of its table.
do $$
declare
    changed record;
begin
    for changed in
        with own as (
            select oid, relname, relispartition, regexp_replace(relname, '_[0-9]{8}$', '') as family
            from pg_class where relnamespace = 'ballet'::regnamespace and relkind in ('r', 'p')),
        small as (select family from own group by family having sum(pg_total_relation_size(oid)) < 64 * 1024 * 1024)
        select own.oid::regclass as name, string_agg(format('alter %I type text collate "C"', attname), ', ') as changes
        from own join small using (family) join pg_attribute on attrelid = own.oid
        where not relispartition and attcollation = 'default'::regcollation
            and exists (select from pg_index where indrelid = own.oid and attnum = any (indkey))
            and not exists (select from pg_inherits where inhdetachpending)
        group by own.oid, relname order by relname
    loop
        begin
            execute format('alter table %s %s', changed.name, changed.changes);
        exception when feature_not_supported then
            raise warning '% keeps the order of its keys: %', changed.name, sqlerrm;
        end;
        commit;
    end loop;
end $$;
