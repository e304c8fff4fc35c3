//! Who says yes to a plan.

use super::exit::Stop;
use squall_experiments::written::settings::Confirm;
use std::io::{BufRead as _, IsTerminal as _, Write as _};

/// Lets a person, or the settings, say yes.
///
/// # Errors
/// Nobody did: exit 2, nothing was touched.
pub(super) fn confirm(how: Confirm, yes: bool) -> Result<(), Stop> {
    let is_terminal = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
    match how {
        _ if yes => Ok(()),
        Confirm::Never => Ok(()),
        Confirm::Terminal if !is_terminal => Ok(()),
        Confirm::Always if !is_terminal => {
            Err(Stop::bad_input("it was not confirmed: the settings say `confirm: always`, so give `--yes`"))
        }
        Confirm::Terminal | Confirm::Always => {
            eprint!("Run it? [y/N] ");
            let _shown = std::io::stderr().flush();
            let mut answer = String::new();
            let read = std::io::stdin().lock().read_line(&mut answer);
            if read.is_ok() && matches!(answer.trim().to_lowercase().as_str(), "y" | "yes") {
                Ok(())
            } else {
                Err(Stop::bad_input("it was not confirmed"))
            }
        }
    }
}
