create table part (saga_id uuid primary key);
