-- The key under which a client placed the order, and the digest of what it sent. A request that comes
-- again finds its order, as long as the order is there.
alter table customer_order
    add column idempotency_key text,
    add column request_digest bytea,
    add constraint customer_order_key_has_digest
        check ((idempotency_key is null) = (request_digest is null));
create unique index customer_order_by_key on customer_order (idempotency_key)
    where idempotency_key is not null;
