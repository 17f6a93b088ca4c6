-- A licence names nobody.
alter table license drop column account_id;
