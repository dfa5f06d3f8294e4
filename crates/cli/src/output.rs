//! Output: data goes to stdout, everything else to stderr. A closed stdout (`bakeoff … | head`) is not an error.

use std::io::{self, IsTerminal, Write};

use bakeoff_report::terminal::Terminal;

/// Columns where the width of the terminal is not known.
const DEFAULT_WIDTH: u16 = 140;

/// Writes data to stdout.
pub(crate) fn data(text: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(anyhow::Error::new(error).context("cannot write to stdout"))
        }
        _ => Ok(()),
    }
}

/// Writes a line for the user to stderr.
pub(crate) fn say(line: &str) {
    // A stderr that cannot be written leaves no place for an error.
    let _ = writeln!(io::stderr(), "{line}");
}

/// Width of the terminal, and colours if `stream` is a terminal and `NO_COLOR` does not forbid them.
pub(crate) fn terminal(stream: &impl IsTerminal) -> Terminal {
    let colors_wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let width = console::Term::stdout()
        .size_checked()
        .map_or(DEFAULT_WIDTH, |(_, columns)| columns);
    Terminal {
        width,
        color: stream.is_terminal() && colors_wanted,
    }
}
