//! What programs for people do about it: they refuse empty input, with a word why.

use std::time::Duration;

use netlab::Rule;

use crate::findings::{Check, Story, Table};
use crate::observe::{Observer, Watch, lifelines};
use crate::stage::{Actor, PORT, Stage, Trouble};

/// What `tcp-server --mode chat` answers to an empty line.
const REFUSED: &str = "* nothing was said: the line is empty\n";

/// Plays the story.
pub(super) fn play(stage: &Stage) -> Result<Story, Trouble> {
    let lab = stage.lab(&["client", "server"])?;
    if let Some(wire) = lab.wire() {
        wire.add(Rule::delay("5 ms each way", Duration::from_millis(5)));
    }
    let args = ["--mode", "chat"];
    let mut server = stage.server(&lab, "server", "person at the server", PORT, &args)?;
    let watch = Watch::begin(&lab, server.address.port())?;
    let mut client = stage.client(&lab, "client", "client", server.address, &[])?;
    let port = client.local_port()?;
    server.actor.expect("open")?;

    client.say("")?;
    client.expect_where("data", |event| event["text"] == REFUSED)?;
    client.say("你好")?;
    server.actor.expect_where("said", |event| event["text"] == "你好")?;
    server.actor.say("")?;
    let notice = server.actor.expect_where("notice", |event| event["kind"] == "refused")?;
    server.actor.say("hello")?;
    client.expect_where("data", |event| event["text"] == "hello\n")?;
    client.close_input();
    client.exit()?;
    server.actor.expect("closed")?;
    let seen = watch.end(&lab)?;

    let told = notice["text"].as_str().unwrap_or_default();
    let mut story = Story {
        name: "empty-input".into(),
        says: "two people talk, and each of them presses Enter on an empty line once".into(),
        belief: "an empty line makes the chat hang".into(),
        set_up: vec![
            format!("server: tcp-server {} {}", args.join(" "), server.address),
            format!("client: tcp-client {}", server.address),
        ],
        lifelines: lifelines(&lab, "client", "server", server.address.port()),
        tables: vec![Table {
            says: "what becomes of an empty line".into(),
            columns: ["who typed it", "who refused it", "the word why"].map(str::to_owned).to_vec(),
            rows: vec![
                vec!["the client".into(), "the server".into(), REFUSED.trim_end().into()],
                vec!["the person at the server".into(), "the program itself".into(), told.into()],
            ],
        }],
        explanation: vec![
            "In a stream of lines an empty line is a byte, its end, so nothing hangs: the server sees that \
             nothing was said and says so. A program that sent what was typed without an end of line would \
             send nothing at all, and the other side would wait: that is where the belief comes from."
                .into(),
        ],
        ..Story::default()
    };
    let heard = texts(&server.actor, "said");
    let got = texts(&client, "data");
    story.checks = vec![
        Check::equal("empty-refused", "lines that the person at the server hears", "你好", &heard),
        Check::equal(
            "empty-told",
            "what the client reads",
            format!("{}, hello", REFUSED.trim_end()),
            got,
        ),
        Check::new(
            "empty-told-here",
            "the person at the server is told why",
            "a word why".into(),
            told.into(),
            told.contains("nothing to send"),
        ),
    ];
    let mut observer = Observer::new(&seen.records);
    observer.name(port, "client");
    seen.put_into(&mut story, &observer);
    Ok(story)
}

/// The texts of all events of this name, each without its end of line.
fn texts(actor: &Actor, name: &str) -> String {
    let text = |event: &serde_json::Value| event["text"].as_str().map(|t| t.trim_end().to_owned());
    actor.events(name).iter().filter_map(text).collect::<Vec<_>>().join(", ")
}
