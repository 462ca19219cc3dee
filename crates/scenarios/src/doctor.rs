//! Why does the lab not run here, and what is to be done?

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use cli::{Events, Exit, Format, output};
use netlab::{Lab, LabError, Level, Refusal, Step};
use serde_json::json;

/// One requirement, and how it came out.
#[derive(Debug)]
struct Finding {
    /// What is needed.
    needs: String,
    /// What was found; an error where it is not met.
    found: Result<String, String>,
    /// What to do about it.
    cures: Vec<String>,
}

impl Finding {
    fn met(needs: impl Into<String>, found: impl Into<String>) -> Self {
        Self { needs: needs.into(), found: Ok(found.into()), cures: Vec::new() }
    }

    fn unmet(needs: impl Into<String>, why: impl Into<String>, cures: Vec<String>) -> Self {
        Self { needs: needs.into(), found: Err(why.into()), cures }
    }
}

/// Tries every requirement, in the order in which a demo needs them, and prints what it found.
///
/// It tries the very calls that the lab makes: to predict from privileges what the kernel will allow is
/// to be wrong on the next machine.
pub fn run(format: Format) -> Exit {
    let (level, mut findings) = match netlab::enter() {
        Ok(level) => (level, steps_until(level, None)),
        Err(refusal) => (Level::L2, steps_until(Level::L2, Some(&refusal))),
    };
    if level.has_namespaces() {
        findings.push(match packet_crosses(level) {
            Ok(found) => Finding::met("links, packet sockets and a wire that records", found),
            Err(error) => Finding::unmet(
                "links, packet sockets and a wire that records",
                error.to_string(),
                vec!["the kernel needs veth and AF_PACKET: modprobe veth af_packet".into()],
            ),
        });
    }
    let ok = findings.iter().all(|finding| finding.found.is_ok());
    match format {
        Format::Json => print_json(&findings, level, ok),
        Format::Text => print_text(&findings, level, ok),
    }
    if ok { Exit::Ok } else { Exit::Failed }
}

/// The steps into the namespaces: met up to the one that was refused.
fn steps_until(level: Level, refusal: Option<&Refusal>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for step in Step::ALL {
        let of_users =
            matches!(step, Step::UserNamespace | Step::SetGroups | Step::UidMap | Step::GidMap);
        match refusal {
            Some(refusal) if refusal.step == step => {
                let why = refusal.error.to_string();
                findings.push(Finding::unmet(step.words(), why, refusal.cures()));
                return findings;
            }
            None if level == Level::L1 && of_users => {
                findings.push(Finding::met(step.words(), "not needed: this is root"));
            }
            _ => findings.push(Finding::met(step.words(), "allowed")),
        }
    }
    findings
}

/// Makes a lab and a connection in it; says how long the handshake took on the wire.
fn packet_crosses(level: Level) -> Result<String, Box<dyn std::error::Error>> {
    let lab =
        Lab::new(level, &["client", "server"]).map_err(|error: LabError| error.to_string())?;
    let address = SocketAddr::from((lab.host("server").address(), crate::stage::PORT));
    let listener = lab.host("server").run(move || TcpListener::bind(address))?;
    let connect = move || TcpStream::connect_timeout(&address, Duration::from_secs(5));
    let _stream = lab.host("client").run(connect)?;
    drop(listener);
    let wire = lab.wire().ok_or("a lab with namespaces has a wire")?;
    let records = wire.records();
    if wire.missed() > 0 || records.len() < 2 {
        return Err(format!("{} packets recorded, {} missed", records.len(), wire.missed()).into());
    }
    Ok(format!("a handshake crossed, {} packets recorded", records.len()))
}

fn print_text(findings: &[Finding], level: Level, ok: bool) {
    let mut text = String::new();
    for finding in findings {
        let (mark, found) = match &finding.found {
            Ok(found) => ("ok    ", found),
            Err(why) => ("FAILED", why),
        };
        let _ = writeln!(text, "{mark}  {}: {found}", finding.needs);
        for cure in &finding.cures {
            let _ = writeln!(text, "          hint: {cure}");
        }
    }
    let _ = writeln!(text, "\nlevel {level}: {}", level.words());
    if ok {
        text += "every demo runs here: cargo xtask demo backlog\n";
    }
    output::or_exit(io::stdout().lock().write_all(text.as_bytes()));
}

fn print_json(findings: &[Finding], level: Level, ok: bool) {
    let events = Events::stdout("doctor/1");
    for Finding { needs, found, cures } in findings {
        let (ok, found) = match found {
            Ok(found) => (true, found),
            Err(why) => (false, why),
        };
        events.emit("need", &json!({ "needs": needs, "ok": ok, "found": found, "hints": cures }));
    }
    let exit = if ok { Exit::Ok } else { Exit::Failed };
    events.emit("end", &json!({ "ok": ok, "exit": exit.code(), "level": level.to_string() }));
}
