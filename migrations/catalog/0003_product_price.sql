-- What each product cost, and when: for whoever has to know whether something was sold at its price. A
-- trigger writes it, so that a change by a process of the release before is in it, too.
create table product_price (
    sku text collate "C",
    -- The version of the product from which on it had this price.
    version bigint,
    price_minor bigint not null,
    currency text not null,
    since timestamptz not null,
    -- Null as long as the product can be bought for this price.
    until timestamptz,
    constraint product_price_pkey primary key (sku, version),
    constraint product_price_of_product foreign key (sku) references product (sku)
);

create function note_product_price() returns trigger
language plpgsql
as $$
begin
    if tg_op = 'UPDATE' then
        if new.withdrawn_at is not distinct from old.withdrawn_at
            and (new.price_minor, new.currency) = (old.price_minor, old.currency)
        then
            return null;
        end if;
        update product_price set until = new.changed_at where sku = new.sku and until is null;
        if new.withdrawn_at is not null then
            return null;
        end if;
    end if;
    insert into product_price (sku, version, price_minor, currency, since)
    values (new.sku, new.version, new.price_minor, new.currency, new.changed_at);
    return null;
end
$$;

create trigger product_notes_price after insert or update on product
for each row execute function note_product_price();

-- Of the products that are there only the last price is known. It began with the last change, or at
-- some time before the withdrawal.
insert into product_price (sku, version, price_minor, currency, since, until)
select sku, greatest(version - (withdrawn_at is not null)::int, 1), price_minor, currency,
    case when withdrawn_at is null then changed_at else published_at end, withdrawn_at
from product;
