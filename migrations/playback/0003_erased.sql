-- The accounts that are erased, or are being erased. A token may outlive its account: a session that is requested with it is
-- refused, for whatever reason, and is nobody's then. Hashes, because the id is to be nowhere once the account is erased.
create table erased (
    account bytea,
    constraint erased_pkey primary key (account)
);

insert into erased (account) select distinct sha256(uuid_send(account_id)) from erasing;
