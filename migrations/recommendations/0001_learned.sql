-- How many orders count. Whoever changes what is counted locks this row first, so that changes are one
-- after the other and cannot deadlock on products that are in many orders.
create table learned (
    orders bigint not null,
    constraint learned_not_negative check (orders >= 0)
);
insert into learned values (0);

-- One row per order, with what the events say of it, in whichever order they come. None of it is ever
-- taken back. An order counts once it is both placed and confirmed, unless it is cancelled.
create table customer_order (
    order_id uuid,
    -- Null until the order is placed; of a cancelled order they are forgotten.
    customer_id uuid,
    skus text[] collate "C",
    -- What the order adds to the popularity of its products.
    weight numeric,
    confirmed boolean not null default false,
    cancelled boolean not null default false,
    -- Whether it is in the counts below.
    counted boolean not null default false,
    constraint customer_order_pkey primary key (order_id),
    constraint customer_order_counted check (
        not counted or (confirmed and num_nulls(customer_id, skus, weight) = 0)
    )
)
with (fillfactor = 80);

-- What a customer bought last.
create index customer_order_by_customer on customer_order (customer_id, order_id desc) where counted;
-- For the pages of what counts.
create index customer_order_that_counts on customer_order (order_id) where counted;

-- In how many orders each product is.
create table product_count (
    sku text collate "C",
    orders bigint not null,
    -- The sum of the orders' weights. A weight doubles with each half-life between a fixed day and the
    -- order, so an older order counts ever less beside a newer one, and no row is rewritten for it.
    popularity numeric not null,
    constraint product_count_pkey primary key (sku),
    constraint product_count_positive check (orders > 0)
)
with (fillfactor = 80);
create index product_count_by_popularity on product_count (popularity desc, sku);

-- In how many orders two products are together.
create table pair_count (
    sku text collate "C",
    other text collate "C",
    orders bigint not null,
    constraint pair_count_pkey primary key (sku, other),
    constraint pair_count_in_order check (sku < other),
    constraint pair_count_positive check (orders > 0)
)
with (fillfactor = 80);
-- What a product is most often bought with, from both sides. Rarer pairs are never shown, and most are
-- rare, so they are left out.
create index pair_count_of_sku on pair_count (sku, orders desc) where orders >= 3;
create index pair_count_of_other on pair_count (other, orders desc) where orders >= 3;

-- The products of the copy that can be bought.
create view product_for_sale as
select id as sku from ballet.copy where entity = 'product' and state is not null;
