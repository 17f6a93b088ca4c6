create table account (customer_id uuid primary key, points bigint not null);
