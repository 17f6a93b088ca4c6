-- What each product cost from each version on, as catalog's events said. The copy of the products has only
-- what they cost now; a checkout that is handled late is judged by what was offered when it was made.
create table offer (
    sku text collate "C",
    version bigint,
    -- Null from the withdrawal on.
    price_minor bigint,
    currency text,
    since timestamptz not null,
    constraint offer_pkey primary key (sku, version),
    constraint offer_price check ((price_minor is null) = (currency is null))
);
