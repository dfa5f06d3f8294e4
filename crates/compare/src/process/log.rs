//! Stdout and stderr of a process in a file. The beginning and the end of a long log are kept. The disk space of the middle is
//! freed while the process writes.

use std::fmt::Write;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::fs::{FallocateFlags, fallocate};

use crate::plain::plain;

/// Bytes of the beginning that stay on the disk.
const HEAD_BYTES: u64 = 64 * 1024;
/// Bytes of the end that stay on the disk.
const TAIL_BYTES: u64 = 1024 * 1024;
/// Bytes of the middle at which its disk space is freed.
const SLACK_BYTES: u64 = 8 * 1024 * 1024;
/// Time between two looks at the length.
const POLL: Duration = Duration::from_millis(50);
/// Bytes of the beginning that are read to show the first lines.
const SHOWN_HEAD_BYTES: u64 = 4 * 1024;
/// Bytes of the end that are read to show the last lines.
const SHOWN_TAIL_BYTES: u64 = 64 * 1024;
/// Number of last lines that are shown.
const LAST_LINES: usize = 20;
/// Number of first lines that are shown of a long log.
const FIRST_LINES: usize = 3;
/// Characters of a line that are shown.
const LINE_CHARS: usize = 500;

/// The log of one process and of all that share its stdout and stderr.
#[derive(Debug)]
pub(crate) struct Log {
    file: File,
    lost_bytes: Arc<AtomicU64>,
    /// Thread that shortens the log. It ends when the sender is dropped.
    watch: Option<(mpsc::Sender<()>, JoinHandle<()>)>,
}

impl Log {
    /// A log, and the file that its process appends to. The file has no name.
    ///
    /// # Errors
    /// The file or the thread that shortens it cannot be created.
    pub(crate) fn new() -> io::Result<(Self, File)> {
        let file = tempfile::NamedTempFile::new()?;
        let append = File::options().append(true).open(file.path())?;
        let file = file.into_file();
        let mut cutter = Cutter {
            // A handle of its own, beside that of the reader.
            file: file.try_clone()?,
            end_of_hole: HEAD_BYTES,
            lost_bytes: Arc::default(),
        };
        let lost_bytes = Arc::clone(&cutter.lost_bytes);
        let (sender, receiver) = mpsc::channel::<()>();
        let thread = std::thread::Builder::new().name("log".to_owned());
        let thread = thread.spawn(move || {
            while receiver.recv_timeout(POLL) == Err(RecvTimeoutError::Timeout) {
                // A log that cannot be cut goes on growing.
                let _ = cutter.cut();
            }
        })?;
        let log = Self {
            file,
            lost_bytes,
            watch: Some((sender, thread)),
        };
        Ok((log, append))
    }

    /// Last lines of the log, and its first lines if it is long. Escape sequences are written out.
    pub(crate) fn last_lines(&self) -> String {
        self.read().map_or_else(
            |error| format!("(cannot read its log: {error})"),
            |text| last_lines(&text),
        )
    }

    /// The whole log; of a long one the beginning and the end, with a line between that tells the bytes left out.
    pub(crate) fn read(&self) -> io::Result<String> {
        let length = self.file.metadata()?.len();
        let lost = self.lost_bytes.load(Ordering::Relaxed);
        if length <= SHOWN_HEAD_BYTES + SHOWN_TAIL_BYTES && lost == 0 {
            return self.piece(0, length);
        }
        let head = self.piece(0, SHOWN_HEAD_BYTES)?;
        let from = length
            .saturating_sub(SHOWN_TAIL_BYTES)
            .max(SHOWN_HEAD_BYTES);
        let tail = self.piece(from, length - from)?;
        let left_out = from - SHOWN_HEAD_BYTES + lost;
        Ok(format!("{head}\n{}\n{tail}", left_out_words(left_out)))
    }

    fn piece(&self, from: u64, length: u64) -> io::Result<String> {
        let length = usize::try_from(length).expect("a piece is shorter than 100 KiB");
        let mut bytes = vec![0; length];
        let mut filled = 0;
        while filled < bytes.len() {
            match self
                .file
                .read_at(&mut bytes[filled..], from + filled as u64)?
            {
                0 => break,
                length => filled += length,
            }
        }
        Ok(String::from_utf8_lossy(&bytes[..filled]).into_owned())
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        if let Some((sender, thread)) = self.watch.take() {
            drop(sender);
            let _ = thread.join();
        }
    }
}

/// Frees the disk space of the middle of a log.
struct Cutter {
    file: File,
    /// Offset of the first byte after the freed part.
    end_of_hole: u64,
    /// Bytes that were removed and are not in the length of the file.
    lost_bytes: Arc<AtomicU64>,
}

impl Cutter {
    fn cut(&mut self) -> io::Result<()> {
        let length = self.file.metadata()?.len();
        if length < self.end_of_hole + TAIL_BYTES + SLACK_BYTES {
            return Ok(());
        }
        let end = length - TAIL_BYTES;
        let hole = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        let size = end - self.end_of_hole;
        if fallocate(&self.file, hole, self.end_of_hole, size).is_ok() {
            self.end_of_hole = end;
            return Ok(());
        }
        // Some file systems have no holes. The process that appends goes on at the new end.
        self.file.set_len(HEAD_BYTES)?;
        self.lost_bytes
            .fetch_add(length - HEAD_BYTES, Ordering::Relaxed);
        Ok(())
    }
}

const LEFT_OUT: &str = "[… ";

fn left_out_words(bytes: u64) -> String {
    format!("{LEFT_OUT}{bytes} bytes are left out …]")
}

/// The last [`LAST_LINES`] lines of `log`, and its first lines if a line tells that bytes between are left out.
pub(crate) fn last_lines(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    let gap = lines.iter().position(|line| line.starts_with(LEFT_OUT));
    let last = lines.len().saturating_sub(LAST_LINES);
    let first = gap.map_or(&[][..], |gap| &lines[..gap.min(FIRST_LINES)]);
    let gap = gap.filter(|gap| *gap < last).map(|gap| lines[gap]);
    let shown = first
        .iter()
        .copied()
        .chain(gap)
        .chain(lines[last..].iter().copied());
    shown.map(short).collect::<Vec<_>>().join("\n")
}

/// A line for a terminal: at most [`LINE_CHARS`] characters, with escape sequences written out.
pub(crate) fn short(line: &str) -> String {
    let Some((end, _)) = line.char_indices().nth(LINE_CHARS) else {
        return plain(line);
    };
    let mut shown = plain(&line[..end]);
    let _ = write!(shown, "… ({} bytes more)", line.len() - end);
    shown
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::os::unix::fs::MetadataExt;

    use super::*;

    #[test]
    fn a_long_log_keeps_its_beginning_and_its_end_and_says_so() {
        let (log, mut append) = Log::new().unwrap();
        append.write_all(b"it begins\n").unwrap();
        let lines = "in the middle\n".repeat(1 << 16);
        for _ in 0..64 {
            append.write_all(lines.as_bytes()).unwrap();
        }
        append.write_all(b"it ends\n").unwrap();
        let most_blocks = (HEAD_BYTES + TAIL_BYTES + 2 * SLACK_BYTES) / 512;
        while log.file.metadata().unwrap().blocks() > most_blocks {
            std::thread::yield_now();
        }
        let shown = log.last_lines();
        assert!(shown.starts_with("it begins\n"), "{shown}");
        assert!(shown.ends_with("in the middle\nit ends"), "{shown}");
        assert!(shown.contains(" bytes are left out …]\n"), "{shown}");
        assert_eq!(shown.lines().count(), FIRST_LINES + 1 + LAST_LINES);
    }

    #[test]
    fn lines_are_cut_and_harmless() {
        let long = "x".repeat(LINE_CHARS + 7);
        let shown = last_lines(&format!("\u{1b}[31mred\n{long}\n"));
        let (red, cut) = shown.split_once('\n').unwrap();
        assert_eq!(red, "\\u{1b}[31mred");
        assert!(cut.ends_with("x… (7 bytes more)"), "{cut}");
    }
}
