//! What a person sees first: where the server listens, how to try it, who can connect.

use std::io::{self, IsTerminal as _};

use proto::{Address, sanitize};
use tcp_server::program::{Secured, ways_to_connect, who_from_elsewhere};

use crate::args::{Args, Mode};
use crate::clerk;
use crate::place::Place;

/// A text for each place. What holds for all of them comes with the first, and the last one has the end.
pub(crate) fn first_screens(
    places: &[Place],
    args: &Args,
    figures: Option<&str>,
    tls: Option<&Secured>,
) -> Vec<String> {
    let last = places.len().saturating_sub(1);
    let screen = |(number, place): (usize, &Place)| {
        let mut lines = Vec::new();
        if number == 0 {
            let (version, mode) = (env!("CARGO_PKG_VERSION"), args.mode.name());
            let over = if tls.is_some() { "  TLS" } else { "" };
            let at = shown(place);
            lines.push(format!("tcp-server {version}  {mode}{over}  listening on {at}"));
            lines.extend(tls.map(Secured::in_words));
        } else {
            lines.push(format!("  and on {}", shown(place)));
        }
        lines.push(match args.mode {
            Mode::Frames => {
                "  it speaks frames; nc is only told that it broke the protocol".to_owned()
            }
            Mode::Files => clerk::ways_to_share(&place.address, args, tls),
            _ => {
                // A certificate of the client's own would have to be named to openssl too.
                let ways = ways_to_connect(&place.address, tls, "tcp-client", "\n      or:  ");
                format!("  try it:  {ways}")
            }
        });
        if number == 0 {
            lines.extend(what_happens(args.mode));
        }
        let who = who_can_connect(place, tls);
        if number < last {
            lines.push(format!("  {who}."));
        } else {
            lines.push(format!("  {who}.  Ctrl-C stops."));
            lines.extend(figures.map(|at| format!("  figures at {at}")));
        }
        lines.join("\n") + "\n"
    };
    places.iter().enumerate().map(screen).collect()
}

fn shown(place: &Place) -> String {
    // A file of a unit says what it is called.
    let name = place.name.as_ref().map(|name| format!(" ({})", sanitize::line(name)));
    let both = if place.is_dual_stack { ", for IPv6 and IPv4" } else { "" };
    format!("{}{}{both}", place.address, name.unwrap_or_default())
}

/// What a person has to know of some modes.
fn what_happens(mode: Mode) -> Option<String> {
    Some(match mode {
        Mode::Chat => {
            "  what you type goes to the client; /next takes the next one, q ends".to_owned()
        }
        Mode::Stdio => {
            "  the first client gets standard input, and its bytes go to standard output".to_owned()
        }
        Mode::Hold => {
            let line =
                if io::stdin().is_terminal() { "each Enter" } else { "each line of its input" };
            format!("  {line} accepts one connection")
        }
        _ => return None,
    })
}

fn who_can_connect(place: &Place, tls: Option<&Secured>) -> String {
    match &place.address {
        Address::Unix(_) => "whoever may write to the socket's file can connect".to_owned(),
        Address::Tcp { .. } if place.is_local() && place.is_handed_over => {
            "only this machine can connect".to_owned()
        }
        Address::Tcp { host, port } if place.is_local() => {
            // A shell may take brackets for a pattern.
            let all = if host.contains(':') {
                format!("'[::]:{port}'")
            } else {
                format!("0.0.0.0:{port}")
            };
            format!("only this machine can connect (tcp-server {all} lets others in)")
        }
        Address::Tcp { .. } => who_from_elsewhere(tls).to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    fn screens(args: &[&str], places: &[Place]) -> String {
        let args = Args::parse_from([&["tcp-server"], args].concat());
        first_screens(places, &args, Some("http://127.0.0.1:1/metrics"), None).concat()
    }

    #[track_caller]
    fn check(args: &[&str], expected: &[&str]) {
        let parsed = Args::parse_from([&["tcp-server"], args].concat());
        let place = Place {
            address: parsed.address().unwrap(),
            is_handed_over: false,
            name: None,
            is_dual_stack: args == ["[::]:1"],
        };
        let screen = screens(args, &[place]);
        for part in expected {
            assert!(screen.contains(part), "{part}\n{screen}");
        }
    }

    #[test]
    fn the_first_screen_says_where_how_and_who() {
        check(
            &[],
            &[
                "  echo  listening on 127.0.0.1:7878\n",
                "  try it:  nc 127.0.0.1 7878      or      tcp-client 127.0.0.1 7878\n",
                "  only this machine can connect (tcp-server 0.0.0.0:7878 lets others in).  Ctrl-C stops.\n  \
                 figures at http://127.0.0.1:1/metrics\n",
            ],
        );
        check(&["0.0.0.0:1"], &["nc 127.0.0.1 1 ", "every machine that reaches this one"]);
        check(
            &["[::]:1"],
            &["listening on [::]:1, for IPv6 and IPv4\n", "nc ::1 1 ", "every machine"],
        );
        check(&["[::1]:1"], &["nc ::1 1 ", "(tcp-server '[::]:1' lets others in)"]);
        check(&["unix:/x"], &["nc -U /x ", "tcp-client unix:/x\n", "write to the socket's file"]);
        check(&["-m", "hold"], &["accepts one connection\n"]);
        check(&["-m", "frames"], &["it speaks frames"]);
    }

    #[test]
    fn several_places_are_told_one_after_the_other() {
        let handed = |address: &str, name: Option<&str>| Place {
            address: address.parse().unwrap(),
            is_handed_over: true,
            name: name.map(str::to_owned),
            is_dual_stack: false,
        };
        let places = [handed("127.0.0.1:1", Some("we\x1bb")), handed("unix:/x", None)];
        let screen = screens(&["-m", "hold"], &places);
        let (_, told) = screen.split_once("listening on ").unwrap();
        let expected = "127.0.0.1:1 (we\\u{1b}b)
  try it:  nc 127.0.0.1 1      or      tcp-client 127.0.0.1 1
  each line of its input accepts one connection
  only this machine can connect.
  and on unix:/x
  try it:  nc -U /x      or      tcp-client unix:/x
  whoever may write to the socket's file can connect.  Ctrl-C stops.
  figures at http://127.0.0.1:1/metrics
";
        assert_eq!(told.replace("each Enter", "each line of its input"), expected);
    }
}
