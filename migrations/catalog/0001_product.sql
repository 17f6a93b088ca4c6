-- Similar words are found by trigrams. The extension is a trusted one: whoever may create a schema in
-- the database, as a service has to, may create it, if its files are on the server.
do $$
begin
    create extension if not exists pg_trgm;
    -- Loads the library: until then the function below could not set the extension's parameter.
    perform show_limit();
exception
    when insufficient_privilege then
        raise exception using errcode = sqlstate, message = format(
            'the role %I may not create the extension pg_trgm in the database %I: run `create '
            'extension pg_trgm` there as an administrator, or grant it the privilege create on the database',
            current_user, current_database());
    when undefined_file or feature_not_supported then
        raise exception using errcode = sqlstate, message =
            'the database server does not have the extension pg_trgm: install it there (Debian and '
            'the images of Docker have it, elsewhere it is in the package postgresql-contrib)';
end
$$;

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

-- Each word that any product has or had and that may be meant by one that is typed wrongly.
create table word (
    word text collate "C",
    constraint word_pkey primary key (word)
);
create index word_by_trigram on word using gin (word gin_trgm_ops) with (fastupdate = off);

-- For each of some words, the known words that are most similar to it or to a beginning of them.
create function similar_words(words text[]) returns table (typed text, known text)
language sql stable parallel safe
set pg_trgm.word_similarity_threshold = 0.2
as $$
    select t.typed, near.word
    from unnest(words) as t (typed)
    cross join lateral (
        select w.word from word w
        where w.word %> t.typed
        order by word_similarity(t.typed, w.word) desc, length(w.word), w.word
        limit 100
    ) as near
$$;
