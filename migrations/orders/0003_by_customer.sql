-- The pages of orders are in the order of time. An id says when its order was placed only if we drew it:
-- those of other producers may be of any kind.
create index customer_order_by_customer on customer_order (customer_id, created_at, order_id);
create index customer_order_by_time on customer_order (status, created_at, order_id);
drop index customer_order_by_status;
