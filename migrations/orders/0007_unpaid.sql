-- For the orders of a customer that are not paid. They are few, whatever the customer has bought before.
create index customer_order_unpaid on customer_order (customer_id) where status = 'placed';
