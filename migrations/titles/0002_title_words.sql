-- As those of products: migrations/catalog/0001_product.sql says why.
create table title_words (
    title_id uuid,
    -- Name (A), genre (B).
    heading tsvector not null,
    -- These and the description, without places.
    words tsvector not null,
    constraint title_words_pkey primary key (title_id),
    constraint title_words_of_title foreign key (title_id) references title (title_id)
);
create index title_words_heading on title_words using gin (heading) with (fastupdate = off);
create index title_words_words on title_words using gin (words) with (fastupdate = off);
