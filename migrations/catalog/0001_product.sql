-- One row per product, for ever: a withdrawn one keeps its row with its last version, so that its
-- SKU never becomes another product.
create table product (
    sku text collate "C",
    version bigint not null,
    title text not null,
    description text not null,
    price_minor bigint not null,
    currency text not null,
    category text collate "C" not null,
    tags text[] collate "C" not null,
    image_url text,
    published_at timestamptz not null,
    changed_at timestamptz not null,
    withdrawn_at timestamptz,
    constraint product_pkey primary key (sku),
    constraint product_version_positive check (version > 0),
    constraint product_price_not_negative check (price_minor >= 0),
    constraint product_withdrawn_last check (withdrawn_at = changed_at)
)
-- A new price changes nothing that is indexed: room on the page keeps it out of the indexes.
with (fillfactor = 80);

-- For the pages of what can be bought: all, those of a category, those of a tag.
create index product_for_sale on product (sku) where withdrawn_at is null;
create index product_by_category on product (category, sku) where withdrawn_at is null;
create index product_by_tag on product using gin (tags) where withdrawn_at is null;

-- The words of each product that can be bought, as the service makes them (see its module `search`).
-- They are apart from the product, so that a search reads few pages and a price changes none of them.
create table product_words (
    sku text collate "C",
    -- Title (A), category and tags (B), SKU (C).
    heading tsvector not null,
    -- These and the description, without places.
    words tsvector not null,
    constraint product_words_pkey primary key (sku),
    constraint product_words_of_product foreign key (sku) references product (sku)
);
-- Without lists of pending entries, which every search would have to read through.
create index product_words_heading on product_words using gin (heading) with (fastupdate = off);
create index product_words_words on product_words using gin (words) with (fastupdate = off);
