//! What a cookie cannot carry: the options of a client that sends no time stamps.

use netlab::tcp_info::Options;

use crate::findings::{Check, Story, Table};
use crate::stage::{Stage, Trouble, sockets};

use super::attack::{Scene, Visit};

const ALL: &str = "time stamps, SACK, window scale";

const WITHOUT_STAMPS: &str = "SACK, window scale";

/// A client, and what its connection should have.
struct Comer {
    check: &'static str,
    when: &'static str,
    /// Its `tcp_timestamps`.
    stamps: &'static str,
    options: &'static str,
}

const CLIENTS: [Comer; 4] = [
    Comer { check: "cost-stamps", when: "before the flood", stamps: "1", options: ALL },
    Comer { check: "cost-plain", when: "before the flood", stamps: "0", options: WITHOUT_STAMPS },
    Comer { check: "cost-flood-stamps", when: "during the flood", stamps: "1", options: ALL },
    Comer { check: "cost-flood-plain", when: "during the flood", stamps: "0", options: "none" },
];

impl Comer {
    fn says(&self) -> String {
        let stamps = if self.stamps == "1" { "with" } else { "without" };
        format!("options of a connection {stamps} time stamps, {}", self.when)
    }
}

/// Plays the story.
pub(super) fn play(stage: &Stage) -> Result<Story, Trouble> {
    let mut story = Story {
        name: "cost".into(),
        says: "four clients, two of them during the flood, two without time stamps".into(),
        belief: "cookies cost nothing, so they could always be on".into(),
        explanation: vec![
            "A SYN offers options once, and the server must remember what it agreed to. In 32 bits of a number \
             there is room for the size of segments only. The rest goes into the time stamp of the SYN, ACK, \
             which the client sends back (cookie_init_timestamp). A client without time stamps loses it: no \
             window above 64 KiB and no selective acknowledgement, for as long as that connection lasts."
                .into(),
            "Nor is a cookie sent again: if the SYN, ACK is lost the client must ask once more. That is why \
             Linux sends cookies only when the pool is full."
                .into(),
        ],
        ..Story::default()
    };
    let scene = match Scene::open(stage, "1")? {
        Ok(scene) => scene,
        Err(why) => {
            let skip = |comer: &Comer| Check::skipped(comer.check, &comer.says(), why);
            story.checks = CLIENTS.iter().map(skip).collect();
            return Ok(story);
        }
    };
    let mut visits = Vec::new();
    for (number, comer) in CLIENTS.iter().enumerate() {
        if number == CLIENTS.len() / 2 {
            scene.flood()?;
        }
        stage.turn(&scene.lab, "client", "net.ipv4.tcp_timestamps", comer.stamps)?;
        visits.push(scene.visit(stage, &format!("client {}", number + 1))?);
    }
    let agreed =
        visits.iter().map(|visit| options(&scene, visit)).collect::<Result<Vec<_>, _>>()?;
    scene.put_into(&mut story, &visits)?;
    let (mut rows, mut checks) = (Vec::new(), Vec::new());
    for ((comer, visit), agreed) in CLIENTS.iter().zip(&visits).zip(&agreed) {
        let stamps = if comer.stamps == "1" { "sends them" } else { "sends none" };
        let row = [visit.actor.program.name(), comer.when, stamps, agreed];
        rows.push(row.map(str::to_owned).to_vec());
        checks.push(Check::equal(comer.check, &comer.says(), comer.options, &**agreed));
    }
    story.tables = vec![Table {
        says: "what server and client have agreed on (ss -ti)".into(),
        columns: ["who", "comes", "time stamps", "options of the connection"]
            .map(str::to_owned)
            .to_vec(),
        rows,
    }];
    story.checks.splice(0..0, checks);
    Ok(story)
}

/// The options of a client's connection, as the server's kernel has them.
fn options(scene: &Scene, visit: &Visit) -> Result<String, Trouble> {
    if visit.seconds.is_none() {
        return Ok(format!("no connection: {}", visit.outcome));
    }
    let port = visit.actor.local_port()?;
    let sockets = sockets(&scene.lab, "server")?;
    let info = sockets.iter().find(|s| s.remote.port() == port).and_then(|s| s.info);
    Ok(info.map_or("unknown".to_owned(), |info| in_words(info.options)))
}

fn in_words(options: Options) -> String {
    let all = [
        (options.timestamps(), "time stamps"),
        (options.sack(), "SACK"),
        (options.window_scale(), "window scale"),
    ];
    let has: Vec<&str> = all.iter().filter(|(has, _)| *has).map(|(_, name)| *name).collect();
    if has.is_empty() { "none".to_owned() } else { has.join(", ") }
}
