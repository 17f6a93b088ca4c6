-- What a person says of an open call, which is not made then: `answer`, with the answer of the other side; or `nothing`, if
-- that has done nothing and the saga is aborted. Null: nobody has said anything.
alter table ballet.call add column given text;
