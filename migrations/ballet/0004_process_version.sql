-- Of which version of the service a process is, if it was told. While a new one is rolled out there are several.
alter table ballet.process_lease add column version text;
