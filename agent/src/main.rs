//! The node agent as a program of its own. `squall agent ...` is the same.

fn main() -> std::process::ExitCode {
    squall_agent::cli::run(std::env::args_os())
}
