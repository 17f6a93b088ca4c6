//! `ballet-gateway`: the program.

use std::process::ExitCode;

/// Requests and answers are taken apart on other threads than they were made on, which glibc's allocator is slow at: a
/// fourth more requests a second go through with this one.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    ballet_gateway::main(std::env::args_os())
}
