-- A session has a row from the moment its viewer is admitted. It takes a slot only once its title is licensed, so that a
-- request that is refused ends no other session.
alter table slot drop constraint slot_state;
alter table slot add constraint slot_state
    check (state in ('wanted', 'live', 'displaced', 'released', 'cancelled'));
alter table slot drop constraint slot_ended;
alter table slot add constraint slot_ended check ((state in ('wanted', 'live')) = (ended_at is null));

-- An address is what a person said, and nobody has checked whose it is: it names no account, and a sign-up tells nobody
-- whether there is one. What is sent again under its key is the same sign-up.
drop index account_by_email;
alter table account add column asked bytea;
create unique index account_by_asked on account (asked);

-- Only playback keeps anything of an account, so a closure waits for nobody else.
alter table closure drop column playback_at, drop column titles_at, drop column analytics_at;
