mod carts;
mod judge;
mod prices;
mod samples;
