//! The program of `my_service`, with the settings of every service.

ballet::main!(my_service::Requests);
