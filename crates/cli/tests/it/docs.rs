//! The commands in docs/serving.md do what stands there.
//!
//! A `console` block holds commands, lines that start with `$ `, each followed by its output, in which `…` stands for
//! anything. `bakeoff serve … &` starts a server in place of the one before; its ports are free ones.
//! A `sh` block holds commands whose output does not matter.
//! A `python` block says what it prints in lines that start with `# prints `.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::symlink;
use std::process::{Child, Command, Output, Stdio};
use std::thread;

use tempfile::TempDir;

use crate::bakeoff::{available, bakeoff, root};

#[test]
fn the_commands_of_docs_serving_md_work_as_written() {
    if !available("curl", found("curl")) {
        return;
    }
    let mut session = Session::new();
    let mut wrong = Vec::new();
    let mut commands = 0;
    for block in blocks("serving.md") {
        for command in block.commands() {
            commands += 1;
            wrong.extend(session.run(&command));
        }
    }
    assert!(commands > 20, "only {commands} commands were found");
    assert!(
        wrong.is_empty(),
        "{} are wrong:\n\n{}",
        wrong.len(),
        wrong.join("\n\n")
    );
}

#[test]
fn the_python_of_docs_serving_md_works_as_written() {
    let python = root().join("reference/clients/.venv/bin/python");
    let there = if python.is_file() {
        Ok(())
    } else {
        Err("run `make clients` once".to_owned())
    };
    if !available("clients", there) {
        return;
    }
    let mut session = Session::new();
    assert_eq!(session.serve("bakeoff serve &"), None);
    let mut programs = 0;
    for block in blocks("serving.md") {
        let Block::Python(program) = block else {
            continue;
        };
        programs += 1;
        let expected: Vec<_> = program
            .lines()
            .filter_map(|line| line.strip_prefix("# prints "))
            .collect();
        let mut command = Command::new(&python);
        command.args(["-c", &session.readdressed(&program)]);
        let output = command.current_dir(session.folder.path()).output().unwrap();
        assert_eq!(all_of(&output).trim_end(), expected.join("\n"), "{program}");
    }
    assert!(programs > 0, "no programs were found");
}

#[test]
fn the_defaults_of_docs_serving_md_are_those_of_the_program() {
    let help = bakeoff(&["serve", "--help"]).output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    let page = fs::read_to_string(root().join("docs/serving.md")).unwrap();
    let mut documented = BTreeSet::new();
    for row in page.lines().filter(|line| line.starts_with("| `--")) {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        let flag = cells[1].split('`').nth(1).unwrap();
        let (_, of_flag) = help.split_once(&format!("{flag} <")).unwrap();
        let (_, default) = of_flag.split_once("[default: ").unwrap();
        let (default, _) = default.split_once(']').unwrap();
        assert_eq!(plain(cells[2]), plain(default), "{flag}");
        documented.insert(flag.to_owned());
    }
    let limits = help
        .split([' ', ','])
        .filter(|word| word.starts_with("--max-"));
    for limit in limits {
        assert!(documented.contains(limit), "{limit} is not in the table");
    }
}

/// A size in bytes or a time in milliseconds, however it is written.
fn plain(text: &str) -> u128 {
    let text = text.trim_matches('"').replace(',', "");
    for (unit, size) in [("", 1), (" KiB", 1024), (" MiB", 1024 * 1024)] {
        let number = text
            .strip_suffix(unit)
            .and_then(|number| number.parse::<u128>().ok());
        if let Some(number) = number {
            return number * size;
        }
    }
    humantime::parse_duration(&text).unwrap().as_millis()
}

#[test]
fn three_dots_stand_for_anything() {
    for (said, expected) in [
        ("a\nb\n", "a\nb"),
        ("{\"score\":0.5,\"end\":2}", "{\"score\":…,\"end\":2}"),
        ("one\ntwo\nthree", "…two\n…"),
        ("", "…"),
        ("aXbXc", "a…b…c"),
    ] {
        assert!(matches(said, expected), "{said} is not {expected}");
    }
    for (said, expected) in [
        ("a", "b"),
        ("ab", "a"),
        ("ab", "b…"),
        ("ab", "…a"),
        ("a", "a…a"),
        ("", "a"),
    ] {
        assert!(!matches(said, expected), "{said} is {expected}");
    }
}

fn found(tool: &str) -> Result<(), String> {
    match Command::new(tool).arg("--version").output() {
        Ok(_) => Ok(()),
        Err(error) => Err(format!("{error}; install Debian's package {tool}")),
    }
}

/// A fenced block that is run.
enum Block {
    Console(String),
    Sh(String),
    Python(String),
}

struct Step {
    command: String,
    // `None` where any output will do.
    expected: Option<String>,
}

impl Block {
    fn commands(&self) -> Vec<Step> {
        match self {
            Self::Python(_) => Vec::new(),
            Self::Sh(lines) => vec![Step {
                command: lines.trim_end().to_owned(),
                expected: None,
            }],
            Self::Console(text) => {
                let mut steps: Vec<Step> = Vec::new();
                for line in text.lines() {
                    if let Some(command) = line.strip_prefix("$ ") {
                        steps.push(Step {
                            command: command.to_owned(),
                            expected: Some(String::new()),
                        });
                    } else {
                        let step = steps.last_mut().expect("a block starts with a command");
                        let expected = step.expected.get_or_insert_default();
                        expected.push_str(line);
                        expected.push('\n');
                    }
                }
                steps
            }
        }
    }
}

/// The blocks of a page that are run, in their order.
fn blocks(page: &str) -> Vec<Block> {
    let page = fs::read_to_string(root().join("docs").join(page)).unwrap();
    let mut blocks = Vec::new();
    let mut open: Option<(String, String)> = None;
    for line in page.lines() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(language)) => open = Some((language.to_owned(), String::new())),
            (None, None) => {}
            (Some((_, text)), None) => {
                text.push_str(line);
                text.push('\n');
            }
            (Some(_), Some(_)) => {
                let (language, text) = open.take().unwrap();
                blocks.extend(match language.as_str() {
                    "console" => Some(Block::Console(text)),
                    "sh" => Some(Block::Sh(text)),
                    "python" => Some(Block::Python(text)),
                    _ => None,
                });
            }
        }
    }
    assert!(open.is_none(), "a block has no end");
    blocks
}

/// A shell in a folder of its own, and the server that it talks to.
struct Session {
    folder: TempDir,
    server: Option<Serving>,
}

impl Session {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        // The commands name folders of the repository.
        symlink(root().join("models"), folder.path().join("models")).unwrap();
        Self {
            folder,
            server: None,
        }
    }

    /// Difference between the output and the expected one; `None` if they match.
    fn run(&mut self, step: &Step) -> Option<String> {
        if step.command.starts_with("bakeoff serve") && step.command.ends_with(" &") {
            let problem = self.serve(&step.command);
            let said = self
                .server
                .as_ref()
                .map(|server| server.said.clone())
                .unwrap_or_default();
            return problem.or_else(|| self.compare(step, &said));
        }
        let Some(server) = &self.server else {
            return Some(format!("$ {}\nthere is no server", step.command));
        };
        let command = self
            .readdressed(&step.command)
            .replace("$(pidof bakeoff)", &server.child.id().to_string());
        let mut shell = Command::new("sh");
        let output = shell
            .args(["-c", &command])
            .current_dir(self.folder.path())
            .output()
            .unwrap();
        let said = all_of(&output);
        if !output.status.success() {
            return Some(format!("$ {}\n{}: {said}", step.command, output.status));
        }
        self.compare(step, &said)
    }

    /// Starts the server of a command in place of the one before.
    fn serve(&mut self, command: &str) -> Option<String> {
        self.server = None;
        match Serving::start(command, &self.folder) {
            Ok(server) => {
                self.server = Some(server);
                None
            }
            Err(said) => Some(format!("$ {command}\n{said}")),
        }
    }

    fn compare(&self, step: &Step, said: &str) -> Option<String> {
        let expected = self.readdressed(step.expected.as_ref()?);
        (!matches(said, &expected))
            .then(|| format!("$ {}\nsaid: {said}\nnot:  {expected}", step.command))
    }

    /// The text with the addresses that the server has here.
    fn readdressed(&self, text: &str) -> String {
        let server = self.server.as_ref();
        let replace = |text: String, from: &str, to: Option<&String>| match to {
            Some(to) => text.replace(from, to),
            None => text,
        };
        let text = replace(
            text.to_owned(),
            "127.0.0.1:8000",
            server.map(|server| &server.authority),
        );
        replace(
            text,
            "127.0.0.1:9100",
            server.and_then(|server| server.metrics.as_ref()),
        )
    }
}

/// A server that is ready; killed when dropped.
struct Serving {
    child: Child,
    authority: String,
    metrics: Option<String>,
    said: String,
}

impl Serving {
    fn start(command: &str, folder: &TempDir) -> Result<Self, String> {
        // The documented ports may be in use.
        let command = command.replace("--metrics-port 9100", "--metrics-port 0");
        let mut args: Vec<_> = command
            .split_whitespace()
            .filter(|word| *word != "&")
            .collect();
        args.extend(["--port", "0", "--threads", "1"]);
        let mut started = bakeoff(&args[1..]);
        let child = started
            .current_dir(folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut serving = Self {
            child,
            authority: String::new(),
            metrics: None,
            said: String::new(),
        };
        let mut stderr = BufReader::new(serving.child.stderr.take().unwrap());
        loop {
            let mut line = String::new();
            if stderr.read_line(&mut line).unwrap() == 0 {
                return Err(format!("it ended: {}", serving.said));
            }
            let address = line
                .split_once("http://")
                .and_then(|(_, rest)| rest.split('/').next());
            match address {
                Some(address) if line.contains("/metrics") => {
                    serving.metrics = Some(address.to_owned());
                }
                Some(address) => address.clone_into(&mut serving.authority),
                None => {}
            }
            serving.said.push_str(&line);
            if line.contains("ready") {
                break;
            }
        }
        // A full pipe would stop a server that logs.
        thread::spawn(move || stderr.read_to_end(&mut Vec::new()));
        Ok(serving)
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn all_of(output: &Output) -> String {
    // Header lines of HTTP end with a carriage return as well.
    let said = [output.stdout.as_slice(), &output.stderr].concat();
    String::from_utf8_lossy(&said).replace('\r', "")
}

/// `true` if the text is the expected one, in which `…` stands for any text. Space at the ends of lines is ignored.
fn matches(said: &str, expected: &str) -> bool {
    let trimmed = |text: &str| {
        text.lines()
            .map(str::trim_end)
            .collect::<Vec<_>>()
            .join("\n")
    };
    let (said, expected) = (trimmed(said), trimmed(expected));
    let (said, expected) = (said.trim_end(), expected.trim_end());
    let mut parts = expected.split('…');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = said.strip_prefix(first) else {
        return false;
    };
    let Some(last) = parts.next_back() else {
        return rest.is_empty();
    };
    for part in parts {
        match rest.split_once(part) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(last)
}
