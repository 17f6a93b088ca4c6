-- One row per order, with what the events say of it, in whichever order they come. An order counts once it is both
-- placed and confirmed, unless it is cancelled.
create table customer_order (
    order_id uuid,
    -- Null until the order is placed; of a cancelled order it is forgotten.
    customer_id uuid,
    confirmed boolean not null default false,
    cancelled boolean not null default false,
    constraint customer_order_pkey primary key (order_id)
);

-- What a customer bought last.
create index customer_order_by_customer on customer_order (customer_id, order_id desc);

-- The products of each order that is not cancelled.
create table order_item (
    order_id uuid,
    sku text collate "C",
    placed_at timestamptz not null,
    constraint order_item_pkey primary key (order_id, sku)
);
create index order_item_of_sku on order_item (sku, placed_at desc);
create index order_item_by_time on order_item (placed_at desc);

create view sold_item as
select order_id, customer_id, sku, placed_at from order_item join customer_order using (order_id)
where confirmed and not cancelled;

-- The products of the copy that can be bought.
create view product_for_sale as
select id as sku from ballet.copy where entity = 'product' and state is not null;
