-- The copy of riders has what location uses: neither the name nor the token.
update ballet.copy set state = jsonb_build_object('needs', state -> 'needs')
where entity = 'rider' and state is not null;
