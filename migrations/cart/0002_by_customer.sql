-- For the pages of one customer. Neither column ever changes, so the changes of a cart stay out of it.
create index cart_by_customer on cart (customer_id, cart_id);
