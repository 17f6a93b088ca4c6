-- What filled the copy of the products was not noted before: of those that nothing but a fill has brought
-- the price would be forgotten with its first change.
insert into offer (sku, version, price_minor, currency, since)
select id, version, (state #>> '{price,amount_minor}')::bigint, state #>> '{price,currency}',
    (state ->> 'changed_at')::timestamptz
from ballet.copy where entity = 'product' and state is not null
on conflict (sku, version) do nothing;
