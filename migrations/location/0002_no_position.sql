-- The places of drivers are in the memory of each process, which follows the stream of positions.
drop table position;
