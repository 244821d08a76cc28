//! The command line: usage errors, help, completions, manual pages, and `docs/cli.md`.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use assert_cmd::Command;
use clap::CommandFactory;
use comuni::cli::Cli;

fn comuni(arguments: &[&str]) -> Command {
    let mut command = Command::cargo_bin("comuni").unwrap();
    for variable in ["COMUNI_INVENTORY", "COMUNI_IDENTITY", "COMUNI_SSH_KEY"] {
        command.env_remove(variable);
    }
    command.args(arguments);
    command
}

fn stdout(arguments: &[&str]) -> String {
    String::from_utf8(comuni(arguments).assert().code(0).get_output().stdout.clone()).unwrap()
}

/// The verbs and, after a blank, what can be shown or done with secrets.
fn verbs() -> Vec<String> {
    let mut names = Vec::new();
    for verb in Cli::command().get_subcommands() {
        names.push(verb.get_name().to_string());
        names.extend(verb.get_subcommands().map(|inner| format!("{} {}", verb.get_name(), inner.get_name())));
    }
    names
}

#[test]
fn wrong_usage_exits_64_and_says_what_is_wrong() {
    for (arguments, said) in [
        (&[][..], "Usage: comuni"),
        (&["aply"], "'apply'"),
        (&["help"], "'help'"),
        (&["plan", "--membr", "lozza"], "'--member'"),
        (&["init"], "<DIR>"),
        (&["show"], "Usage: comuni show"),
        (&["show", "member"], "<NAME>"),
        (&["secrets", "set"], "<TOKEN>"),
        (&["secrets", "set", "--missing", "secret://c_e863/albo/smtp_password"], "cannot be used with"),
        (&["plan", "--parallel", "0"], "1..=512"),
        (&["plan", "--parallel", "many"], "invalid value 'many'"),
        (&["plan", "--area", "tenants"], "'tenant'"),
        (&["plan", "--yes"], "'--yes'"),
        (
            &["apply", "--allow", "everything"],
            "write `removals`, `changes`, the name of a zone, NAME/TYPE of its RRset, or NAME/TYPE/now",
        ),
        (&["history", "--last", "-1"], "'-1'"),
        (&["completions", "tcsh"], "[possible values:"),
        (&["--format", "yaml", "validate"], "[possible values: text, json]"),
        (&["validate", "extra"], "'extra'"),
    ] {
        let run = comuni(arguments).assert().code(64);
        let output = run.get_output();
        let words = String::from_utf8_lossy(&output.stderr);
        assert!(words.contains(said), "{arguments:?} does not say {said:?}:\n{words}");
        assert!(output.stdout.is_empty(), "{arguments:?}: nothing for a pipe to read");
    }
}

#[test]
fn help_and_version_exit_0() {
    assert_eq!(stdout(&["--version"]), format!("comuni {}\n", env!("CARGO_PKG_VERSION")));
    let help = stdout(&["--help"]);
    assert!(help.contains("Exit codes:"), "{help}");
    for verb in verbs() {
        let words: Vec<&str> = verb.split(' ').collect();
        assert!(help.contains(words[0]), "{verb} is not in the help");
        let own = stdout(&[&words[..], &["--help"]].concat());
        assert!(own.contains(&format!("Usage: comuni {verb}")), "{own}");
    }
}

#[test]
fn completions_name_every_verb() {
    for shell in ["bash", "zsh", "fish"] {
        let script = stdout(&["completions", shell]);
        for verb in verbs() {
            let name = verb.split(' ').next_back().unwrap();
            assert!(script.contains(name), "{shell} does not complete {verb}");
        }
        assert!(script.contains("detailed-exitcode"), "{shell} does not complete options");
    }
}

#[test]
fn every_verb_has_a_manual_page() {
    let folder = tempfile::tempdir().unwrap();
    let run = comuni(&["man", folder.path().join("man").to_str().unwrap()]).assert().code(0);
    assert!(run.get_output().stdout.is_empty());
    let mut pages: Vec<String> = fs::read_dir(folder.path().join("man"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    pages.sort();
    let mut wanted = vec!["comuni.1".to_string()];
    wanted.extend(verbs().iter().map(|verb| format!("comuni-{}.1", verb.replace(' ', "-"))));
    wanted.sort();
    assert_eq!(pages, wanted);
    for page in &pages {
        let text = fs::read_to_string(folder.path().join("man").join(page)).unwrap();
        assert!(text.contains("COMUNI_INVENTORY"), "{page} tells the variables");
        assert!(text.contains(".SH NAME") && text.contains(".SH SYNOPSIS"), "{page}:\n{text}");
    }
}

#[test]
fn the_first_manual_page_goes_to_standard_output() {
    let page = stdout(&["man"]);
    assert!(page.contains(".TH comuni 1"), "{page}");
    assert!(page.contains("the inventory is invalid"), "exit codes are in it: {page}");
}

#[test]
fn a_folder_that_cannot_be_written_exits_1() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let run = comuni(&["man", file.join("man").to_str().unwrap()]).assert().code(1);
    assert!(String::from_utf8_lossy(&run.get_output().stderr).contains("error: cannot write the manual pages to"));
}

#[test]
fn a_full_disk_is_not_success_and_a_reader_that_has_gone_is() {
    for (sink, code) in [("/dev/full", 1), ("closed", 0)] {
        let target = if sink == "closed" {
            let (reader, writer) = std::io::pipe().unwrap();
            drop(reader);
            std::process::Stdio::from(writer)
        } else {
            std::process::Stdio::from(fs::OpenOptions::new().write(true).open(sink).unwrap())
        };
        let mut command = std::process::Command::new(assert_cmd::cargo::cargo_bin("comuni"));
        let child = command.args(["completions", "bash"]).stdout(target).stderr(std::process::Stdio::piped());
        let output = child.spawn().unwrap().wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{sink}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

/// The help of every verb; run with `UPDATE_GOLDEN=1` to write it anew.
#[test]
fn the_documentation_has_the_help_of_every_verb() {
    let mut page = String::from(
        "# The command line\n\nThe help of `comuni` and of every verb, as `--help` prints it. What `--format json` prints is in \
         [output.md](output.md).\n\n<!-- written from the command: UPDATE_GOLDEN=1 cargo test --test it cli:: -->\n",
    );
    add(&mut page, Cli::command().term_width(100), "comuni");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/cli.md");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, page).unwrap();
        return;
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(written, page, "docs/cli.md is behind: run this test with UPDATE_GOLDEN=1");
}

fn add(page: &mut String, command: clap::Command, name: &str) {
    // What a variable is set to here is nobody's documentation.
    let mut command = command.mut_args(|argument| argument.hide_env_values(true)).bin_name(name);
    command.build();
    let help = command.clone().render_long_help().to_string();
    let lines: Vec<&str> = help.trim_end().lines().map(str::trim_end).collect();
    write!(page, "\n## `{name}`\n\n```text\n{}\n```\n", lines.join("\n")).unwrap();
    for verb in command.get_subcommands() {
        add(page, verb.clone(), &format!("{name} {}", verb.get_name()));
    }
}
