//! What `accept` gives, and who makes the connection: a server that does not call it, until it does.

use std::time::Duration;

use netlab::{Family, Rule, TcpSocket, TcpState};

use crate::claims::Accepted;
use crate::findings::{Check, Story, Table};
use crate::observe::{Observer, Watch, lifelines};
use crate::stage::{PORT, Server, Stage, Trouble, sockets, until};

const CLIENTS: usize = 3;

/// Plays the story; gives back how many processes it took.
pub(super) fn play(stage: &Stage) -> Result<(Story, Accepted), Trouble> {
    let lab = stage.lab(&["client", "server"])?;
    if let Some(wire) = lab.wire() {
        wire.add(Rule::delay("5 ms each way", Duration::from_millis(5)));
    }
    let args = ["--mode", "hold", "--backlog", "5", "--idle", "0"];
    let mut server = stage.server(&lab, "server", "tcp-server", PORT, &args)?;
    let port = server.address.port();
    let watch = Watch::begin(&lab, port)?;
    let before = family(&server)?;
    let mut clients = Vec::new();
    for number in 1..=CLIENTS {
        let name = format!("client {number}");
        let mut client = stage.client(&lab, "client", &name, server.address, &[])?;
        client.say("hello")?;
        client.expect("connected")?;
        clients.push(client);
    }
    let connections = || {
        let mut all = sockets(&lab, "server")?;
        all.retain(|s| s.local.port() == port && s.state == TcpState::Established);
        Ok::<_, Trouble>(all)
    };
    let unread = |s: &&TcpSocket| s.inode == 0 && s.receive_queue > 0;
    let waiting = until("connections that nobody has accepted", || {
        let waiting = connections()?.iter().filter(unread).count();
        Ok((waiting == CLIENTS).then_some(waiting))
    })?;
    let accepted_by_then = server.actor.events("open").len();
    for _ in 0..CLIENTS {
        server.actor.say("accept one")?;
    }
    let accepted = until("connections that were accepted", || {
        let accepted = connections()?.iter().filter(|s| s.inode != 0).count();
        let told = server.actor.events("open").len();
        Ok((accepted == CLIENTS && told == CLIENTS).then_some(accepted))
    })?;
    let after = family(&server)?;
    let seen = watch.end(&lab)?;

    let mut story = Story {
        name: "accept".into(),
        says: "three clients come, nobody calls accept; then somebody does, three times".into(),
        belief: "accept waits for a new process, and the socket is the pipe to it".into(),
        set_up: vec![
            format!("server: tcp-server {} {}: a line on its input is one accept", args.join(" "), server.address),
            format!("client: tcp-client {}, {CLIENTS} times, each says hello", server.address),
        ],
        lifelines: lifelines(&lab, "client", "server", port),
        tables: vec![table(&[
            ("before anybody comes", before, 0, 0),
            ("three have come, no accept", before, waiting, 0),
            ("after three accepts", after, 0, accepted),
        ])],
        explanation: vec![
            "The kernel makes connections, whether a program waits in accept or not: all three are complete, and \
             what the clients said lies in their sockets. accept(2) takes the first of them and gives it a number \
             in the table of open files, a descriptor of the same process."
                .into(),
            "What is at the other end of a socket is a peer, not a process. Whether a server gives each \
             connection a process (fork), a thread, or none of its own is the program's choice; this one serves \
             all of its connections in one process."
                .into(),
        ],
        ..Story::default()
    };
    story.checks = vec![
        Check::equal(
            "accept-without",
            "connections that are complete with nobody in accept",
            CLIENTS,
            waiting,
        ),
        Check::equal("accept-none", "of those that the program knows of", 0, accepted_by_then),
        Check::equal(
            "accept-taken",
            "connections that it has after three accepts",
            CLIENTS,
            accepted,
        ),
        Check::equal(
            "accept-processes",
            "processes of the server that came with them",
            0,
            after.processes - before.processes.min(after.processes),
        ),
        Check::equal("accept-one", "processes that hold the three connections", 1, after.processes),
    ];
    let mut observer = Observer::new(&seen.records);
    for client in &clients {
        observer.name(client.local_port()?, client.program.name());
    }
    seen.put_into(&mut story, &observer);
    let processes = (before.processes, after.processes);
    Ok((story, Accepted { connections: accepted, processes }))
}

fn family(server: &Server) -> Result<Family, Trouble> {
    server.actor.program.family().map_err(Trouble::io("count the server's processes"))
}

/// A moment, the server's processes, connections that wait, and those that have a descriptor.
fn table(rows: &[(&str, Family, usize, usize)]) -> Table {
    let row = |(when, family, waiting, accepted): &(&str, Family, usize, usize)| {
        vec![
            (*when).to_owned(),
            family.processes.to_string(),
            waiting.to_string(),
            accepted.to_string(),
        ]
    };
    Table {
        says: "the server".into(),
        columns: ["when", "processes", "complete, in no program", "accepted: with a descriptor"]
            .map(str::to_owned)
            .to_vec(),
        rows: rows.iter().map(row).collect(),
    }
}
