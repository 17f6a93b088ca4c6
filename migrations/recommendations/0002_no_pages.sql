-- It was for the pages of what counts, which are gone: the audit reads all of it.
drop index customer_order_that_counts;
