-- The riders who are erased: their copies have a version and no state.
create view erased_rider as
select id::uuid as rider_id from ballet.copy where entity = 'rider' and state is null;
