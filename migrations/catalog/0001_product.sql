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

-- The words by which a product is found, in small letters: of the title (A), the category, the SKU and the tags (B), the
-- description. Between the signs that are replaced, Postgres would see a tag, an address or a file.
create function product_words(title text, category text, tags text[], sku text, description text) returns tsvector
language sql immutable parallel safe
as $$
    select setweight(to_tsvector('simple', translate(title, '<>/.@:_-', '        ')), 'A')
        || setweight(to_tsvector('simple', translate(category || ' ' || sku, '<>/.@:_-', '        ')), 'B')
        || array_to_tsvector(tags)
        || to_tsvector('simple', translate(description, '<>/.@:_-', '        '))
$$;
-- Without lists of pending entries, which every search would have to read through.
create index product_by_words on product using gin (product_words(title, category, tags, sku, description))
with (fastupdate = off) where withdrawn_at is null;
