-- Why a process is not ready, if it is not: what its /readyz says. It is written with each renewal of the
-- lease, so whoever looks after the system sees it without a way to the process. Null in replicas of the
-- release before.
alter table ballet.process_lease add column unready text;
