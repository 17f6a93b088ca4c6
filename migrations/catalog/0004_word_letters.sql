do $$
begin
    -- Loads the library: until then the function below could not set the extension's parameter.
    perform show_limit();
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

alter table word add column letters text collate "C" not null generated always as (ascii_letters(word)) stored;
create index word_by_letters on word using gin (letters gin_trgm_ops) with (fastupdate = off);
drop index word_by_trigram;

create or replace function similar_words(words text[]) returns table (typed text, known text)
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
