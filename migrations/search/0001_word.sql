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

-- Whether a letter belongs to a word, `pg_trgm` asks the locale of the database; in the locale C only those
-- of ASCII do. So similar words are looked for by other letters: those of ASCII stay, and each other one is
-- one of them, always the same. Two letters may become the same one: that makes a word a candidate at most,
-- and the service counts its typing errors.
create function ascii_letters(word text) returns text
language sql immutable strict parallel safe
as $$
    select string_agg(
        case when ascii(letter) < 128 then letter
            else substr('0123456789abcdefghijklmnopqrstuvwxyz', ascii(letter) % 36 + 1, 1) end,
        '' order by place)
    from string_to_table(word, null) with ordinality as letters (letter, place)
$$;

-- Each word that any thing has or had and that may be meant by one that is typed wrongly.
create table word (
    word text collate "C",
    letters text collate "C" not null generated always as (ascii_letters(word)) stored,
    constraint word_pkey primary key (word)
);
-- Without lists of pending entries, which every search would have to read through.
create index word_by_letters on word using gin (letters gin_trgm_ops) with (fastupdate = off);

-- For each of some words, the known words that are most similar to it or to a beginning of them.
create function similar_words(words text[]) returns table (typed text, known text)
language sql stable parallel safe
set pg_trgm.word_similarity_threshold = 0.2
as $$
    -- Materialized: the letters of each would else be found anew for each word that is compared.
    with t as materialized (
        select typed, ascii_letters(typed) as letters from unnest(words) as all_typed (typed)
    )
    select t.typed, near.word
    from t
    cross join lateral (
        select w.word from word w
        where w.letters %> t.letters
        order by word_similarity(t.letters, w.letters) desc, length(w.word), w.word
        limit 100
    ) as near
$$;
