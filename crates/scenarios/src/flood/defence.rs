//! The same flood against three settings of `tcp_syncookies`.

use crate::findings::{Check, Story, Table};
use crate::stage::{Stage, Trouble};

use super::attack::{Aftermath, FORGED, GIVES_UP, NO_COOKIES, POOL, Scene, Visit};

/// One setting, and what it should do.
pub(super) struct Defence {
    pub(super) name: &'static str,
    cookies: &'static str,
    says: &'static str,
    belief: &'static str,
    /// Whether requests are kept, up to the bound of the pool.
    keeps: bool,
    /// Whether what is not kept is answered with a cookie; otherwise it is dropped.
    sends_cookies: bool,
    explanation: &'static [&'static str],
}

pub(super) const OFF: Defence = Defence {
    name: "no-cookies",
    cookies: NO_COOKIES,
    says: "a flood, and nothing but the half-open pool against it",
    belief: "the half-open pool is what defends against a flood",
    keeps: true,
    sends_cookies: false,
    explanation: &[
        "The pool is full after the first nine requests, when the flood has hardly begun. Every further SYN is \
         dropped without a word (tcp_conn_request), and an honest one looks no different: the client's \
         system tries again, and meets the same.",
        "There is one more defence in the pool itself: while it is more than half full the kernel asks the oldest \
         of it only twice more (reqsk_timer_handler), so they go after seven seconds in place of a minute. A \
         flood that goes on fills their places at once. --full waits for it.",
        "The pool bounds what a flood costs the server in memory. It does not defend those whom the server is \
         for: what is full of forged requests has no place for others, however large it is.",
    ],
};

pub(super) const ON: Defence = Defence {
    name: "cookies",
    cookies: "1",
    says: "the same flood, with SYN cookies when the pool is full, as is the default",
    belief: "a server under a flood serves nobody",
    keeps: true,
    sends_cookies: true,
    explanation: &[
        "The pool fills as before. What finds no place is answered and forgotten: all that the server must know \
         later is in the sequence number of its SYN, ACK. The client's ACK brings it back, and the server \
         makes the connection from that (cookie_v4_check): SyncookiesRecv.",
        "The forged ones cost an answer each and no memory. They never send an ACK.",
    ],
};

pub(super) const ALWAYS: Defence = Defence {
    name: "cookies-always",
    cookies: "2",
    says: "the same flood, and a server that keeps no half-open connection at all",
    belief: "without the pool there is no defence",
    keeps: false,
    sends_cookies: true,
    explanation: &[
        "With 2 every request is answered with a cookie, and the pool stays empty. The client is served all the \
         same: the pool takes no part in the defence. It is there for what cookies cannot do: to send a \
         SYN, ACK again that was lost, and to keep all that a client has offered.",
    ],
};

impl Defence {
    /// Plays the flood.
    pub(super) fn play(&self, stage: &Stage) -> Result<Story, Trouble> {
        let mut story = Story {
            name: self.name.into(),
            says: self.says.into(),
            belief: self.belief.into(),
            explanation: self.explanation.iter().map(|&says| says.to_owned()).collect(),
            ..Story::default()
        };
        let scene = match Scene::open(stage, self.cookies)? {
            Ok(scene) => scene,
            Err(why) => {
                let skip = |(id, says): (String, &str)| Check::skipped(&id, says, why);
                story.checks = self.names().map(skip).into();
                if !self.sends_cookies {
                    story.checks.push(Check::skipped(GIVES_UP.0, GIVES_UP.1, why));
                }
                return Ok(story);
            }
        };
        let flood = scene.flood()?;
        let visit = scene.visit(stage, "client")?;
        let gives_up =
            if self.sends_cookies { None } else { Some(scene.gives_up_after(stage, &flood)?) };
        let visits = [visit];
        let returned = scene.put_into(&mut story, &visits)?;
        story.tables = vec![aftermath(&flood)];
        let checks = self.checks(&flood, &visits[0], returned).into_iter().chain(gives_up);
        story.checks.splice(0..0, checks);
        Ok(story)
    }

    fn names(&self) -> [(String, &'static str); 5] {
        [
            ("half-open", "requests of the flood that are kept as half-open connections"),
            ("dropped", "those that are dropped (TCPReqQFullDrop)"),
            ("sent", "those that are answered with a cookie (SyncookiesSent)"),
            ("client", "what an honest client gets"),
            ("returned", "cookies that came back and were good (SyncookiesRecv)"),
        ]
        .map(|(part, says)| (format!("{}-{part}", self.name), says))
    }

    fn checks(&self, flood: &Aftermath, visit: &Visit, returned: i64) -> Vec<Check> {
        let kept = i64::try_from(flood.half_open).unwrap_or(i64::MAX);
        let rest = i64::from(FORGED) - kept;
        let (dropped, cookies) = if self.sends_cookies { (0, rest) } else { (rest, 0) };
        let client = if self.sends_cookies { "served" } else { "timed_out" };
        let [half_open, drops, sent, gets, back] = self.names();
        vec![
            if self.keeps {
                Check::within(&half_open.0, half_open.1, POOL, flood.half_open)
            } else {
                Check::equal(&half_open.0, half_open.1, 0, flood.half_open)
            },
            Check::equal(&drops.0, drops.1, dropped, flood.moved("TcpExtTCPReqQFullDrop")),
            Check::equal(&sent.0, sent.1, cookies, flood.moved("TcpExtSyncookiesSent")),
            Check::equal(&gets.0, gets.1, client, &*visit.outcome),
            Check::equal(&back.0, back.1, i64::from(self.sends_cookies), returned),
        ]
    }
}

/// What became of the forged requests, in numbers.
fn aftermath(flood: &Aftermath) -> Table {
    let counted = |name: &str| flood.moved(name).to_string();
    let rows = [
        ("forged, all", FORGED.to_string()),
        ("kept, half-open", flood.half_open.to_string()),
        ("dropped: no place (TCPReqQFullDrop)", counted("TcpExtTCPReqQFullDrop")),
        ("answered with a cookie (SyncookiesSent)", counted("TcpExtSyncookiesSent")),
    ];
    Table {
        says: "what became of the flood".into(),
        columns: ["requests", "number"].map(str::to_owned).to_vec(),
        rows: rows.map(|(what, number)| vec![what.to_owned(), number]).to_vec(),
    }
}
