-- Only while it lasts does work say for whom it is: a rider who is erased is in nothing that is over.
update work set rider_id = null where ended_at is not null and rider_id is not null;
