-- A service is paused by stopping its processes.
drop table ballet.paused;
