//! `ballet dlq` and `ballet sagas` as an operator uses them: the program itself, on a real broker and real databases,
//! with only the rights of their user.

mod audit;
mod bodies;
mod causes;
mod doctor;
mod handling;
mod headers;
mod hostile;
mod inbox;
mod interrupted;
mod listed_sagas;
mod lost;
mod memory;
mod missed;
mod outside;
mod persons;
mod picking;
mod pty;
mod publish;
mod restored;
mod restored_letters;
mod restored_outside;
mod rights;
mod sagas;
mod shop;
mod solved;
mod terminal;
mod tls;
mod undeliverable;
mod upgrade;
mod world;
