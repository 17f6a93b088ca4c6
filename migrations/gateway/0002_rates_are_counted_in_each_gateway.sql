drop table gateway.rate_window;
