-- The products as others copy them: `state` is the product as its events carry it. A withdrawn one
-- stays, with its last version and without a state.
create view shared_product as
select sku as id, version,
    case when withdrawn_at is null then
        jsonb_build_object(
            'sku', sku,
            'version', version,
            'title', title,
            'description', description,
            'price', jsonb_build_object('amount_minor', price_minor, 'currency', currency),
            'category', category,
            'tags', to_jsonb(tags),
            'image_url', image_url,
            'published_at', published_at,
            'changed_at', changed_at)
    end as state
from product;
