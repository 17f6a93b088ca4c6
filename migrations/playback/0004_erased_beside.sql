-- A trigger notes the accounts that are being erased: a process of the release before 0003 does not, and may erase one
-- beside this release.
create function note_erased() returns trigger
language plpgsql
as $$
begin
    insert into erased (account) values (sha256(uuid_send(new.account_id)))
    on conflict (account) do nothing;
    return null;
end
$$;

create trigger erasing_notes_account after insert on erasing
for each row execute function note_erased();

-- Those whose erasure began in between.
insert into erased (account) select distinct sha256(uuid_send(account_id)) from erasing
on conflict (account) do nothing;
