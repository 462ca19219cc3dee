//! What a shell and man(1) are told of a program: completions and a page, made from its command line.

use std::ffi::OsString;
use std::io;

use clap::{Arg, ArgAction, Command, value_parser};
use clap_complete::Shell;
use clap_mangen::Man;

use crate::exit::Exit;
use crate::failure::Failure;

const COMPLETIONS: &str = "completions";
const MAN: &str = "man";

/// The options that every program has for it, for its `--help`. They stand alone on a command line, so
/// that is where they are looked for: [`asked`].
pub(crate) fn options() -> [Arg; 2] {
    let option = |name: &'static str, help: &'static str, more: &'static str| {
        Arg::new(name).long(name).help(help).long_help(more).hide_short_help(true).exclusive(true)
    };
    [
        option(
            COMPLETIONS,
            "Print completions for a shell",
            "Print completions for a shell: --completions bash, zsh, fish, elvish or powershell\n\n\
             For bash: source <(PROGRAM --completions bash)",
        )
        .value_name("SHELL")
        .value_parser(value_parser!(Shell)),
        option(
            MAN,
            "Print the page for man(1)",
            "Print the page for man(1): PROGRAM --man | man -l -; behind a subcommand, that one's",
        )
        .action(ArgAction::SetTrue),
    ]
}

/// What was asked for.
#[derive(Debug, PartialEq, Eq)]
enum Asked {
    Completions(Shell),
    /// Of the program, or of a subcommand.
    Page(Option<String>),
}

/// Prints what `args`, those behind the program's name, ask for; `None` where they ask for something else.
pub(crate) fn print(command: &Command, args: &[OsString]) -> Option<Result<(), Failure>> {
    let asked = asked(command, args)?;
    let text = match asked {
        Asked::Completions(shell) => Ok(completions(command.clone(), shell)),
        Asked::Page(of) => page(command.clone(), of.as_deref()),
    };
    let written = text.and_then(|text| io::Write::write_all(&mut io::stdout(), &text));
    Some(
        written.map_err(|error| {
            Failure::from_io(Exit::Failed, "cannot write to standard output", &error)
        }),
    )
}

fn asked(command: &Command, args: &[OsString]) -> Option<Asked> {
    let args: Vec<&str> = args.iter().map(|arg| arg.to_str()).collect::<Option<_>>()?;
    let shell = |name: &str| name.parse().ok().map(Asked::Completions);
    match args[..] {
        ["--completions", name] => shell(name),
        [option] if let Some(name) = option.strip_prefix("--completions=") => shell(name),
        ["--man"] => Some(Asked::Page(None)),
        [of, "--man"] if command.find_subcommand(of).is_some() => {
            Some(Asked::Page(Some(of.into())))
        }
        _ => None,
    }
}

fn completions(mut command: Command, shell: Shell) -> Vec<u8> {
    let name = command.get_name().to_owned();
    let mut out = Vec::new();
    clap_complete::generate(shell, &mut command, name, &mut out);
    out
}

fn page(mut command: Command, of: Option<&str>) -> io::Result<Vec<u8>> {
    // Gives a subcommand the name of its page: program and subcommand, with a hyphen between them.
    command.build();
    // A subcommand has the version of its program.
    let source = format!("{} {}", command.get_name(), command.get_version().unwrap_or_default());
    let command = match of {
        None => command,
        Some(of) => command.find_subcommand(of).expect("it was looked for").clone(),
    };
    let mut out = Vec::new();
    Man::new(command).source(source).render(&mut out)?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command() -> Command {
        let sub = Command::new("chat").about("Talk").arg(Arg::new("room").long("room"));
        Command::new("speak")
            .version("1.2.3")
            .arg_required_else_help(true)
            .subcommand(sub)
            .args(options())
    }

    fn printed(line: &str) -> Option<Asked> {
        asked(&command(), &line.split(' ').map(Into::into).collect::<Vec<_>>())
    }

    #[test]
    fn they_are_asked_for_alone() {
        assert_eq!(printed("--completions fish"), Some(Asked::Completions(Shell::Fish)));
        assert_eq!(printed("--completions=bash"), Some(Asked::Completions(Shell::Bash)));
        assert_eq!(printed("--man"), Some(Asked::Page(None)));
        assert_eq!(printed("chat --man"), Some(Asked::Page(Some("chat".into()))));
        for other in ["--completions tcsh", "talk --man", "--man chat", "-- --man", ""] {
            assert_eq!(printed(other), None, "{other}");
        }
    }

    #[test]
    fn every_shell_and_page_knows_the_options() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish, Shell::Elvish, Shell::PowerShell] {
            let text = String::from_utf8(completions(command(), shell)).unwrap();
            assert!(text.contains("room") && text.contains("speak"), "{shell}: {text}");
        }
        let text = |of| String::from_utf8(page(command(), of).unwrap()).unwrap();
        assert!(text(None).contains(".SH NAME\nspeak"), "{}", text(None));
        assert!(text(Some("chat")).contains("speak\\-chat"), "{}", text(Some("chat")));
        assert!(text(Some("chat")).contains("\\-\\-room"), "{}", text(Some("chat")));
        for page in [text(None), text(Some("chat"))] {
            let title = page.lines().find(|line| line.starts_with(".TH ")).unwrap();
            assert!(title.contains("speak 1.2.3"), "{title}");
        }
    }
}
