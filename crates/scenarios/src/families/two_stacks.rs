//! One port, and two families: does a socket on `[::]` take IPv4 too?

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use netlab::{Lab, LabOptions};
use nix::errno::Errno;
use socket2::{Domain, Socket, Type};

use crate::findings::{Check, Story, Table};
use crate::stage::{Stage, Trouble};

const HOST: &str = "host";

const CHECKS: [(&str, &str); 5] = [
    ("stacks-both", "a client on 127.0.0.1, of a listener on [::]"),
    ("stacks-only", "the same, where the listener says IPV6_V6ONLY"),
    ("stacks-conflict", "a listener on 0.0.0.0 beside one on [::]"),
    ("stacks-beside", "a listener on 0.0.0.0 beside one on [::] that says IPV6_V6ONLY"),
    ("stacks-scope", "connect to a link-local address without its link"),
];

/// Plays the story.
pub(super) fn play(stage: &Stage) -> Result<Story, Trouble> {
    let mut story = Story {
        name: "two-stacks".into(),
        says: "a listener on [::], alone and beside one on 0.0.0.0".into(),
        belief: "IPv4 and IPv6 are two networks, with ports of their own".into(),
        set_up: vec!["bare sockets, for what is asked here is what a program gets that says nothing".into()],
        explanation: vec![
            "A socket on [::] is a socket on every address of both families, so a server needs one and not \
             two, and a second one on 0.0.0.0 finds the port taken. IPV6_V6ONLY makes two of it; its default \
             is net.ipv6.bindv6only, 0 on Linux, and 1 on some other systems. So a server should say what it \
             wants: tcp-server says IPV6_V6ONLY=0."
                .into(),
        ],
        ..Story::default()
    };
    let lab = stage.lab_with(&[HOST], LabOptions { ipv6: true, ..LabOptions::default() })?;
    let why = if lab.host(HOST).address_v6().is_none() {
        "this kernel has no IPv6, or this machine has turned it off"
    } else {
        "it would listen on all addresses of this machine: level L0 or L1"
    };
    if lab.host(HOST).address_v6().is_none() || !lab.level().has_namespaces() {
        story.checks = Check::all_skipped(&CHECKS, why);
        return Ok(story);
    }
    story.set_up.push(crate::observe::knobs(&lab, HOST, &["net.ipv6.bindv6only"]));

    let everywhere = |v6: bool, port| {
        let ip: IpAddr =
            if v6 { Ipv6Addr::UNSPECIFIED.into() } else { Ipv4Addr::UNSPECIFIED.into() };
        SocketAddr::new(ip, port)
    };
    let mut measured = Vec::new();
    for only_v6 in [None, Some(true)] {
        let both = listener(&lab, everywhere(true, 0), only_v6);
        let both = both.map_err(Trouble::io("listen on [::]"))?;
        let port = both.local_addr().ok().and_then(|address| address.as_socket());
        let port = port.map_or(0, |address| address.port());
        let to = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let came = connect(&lab, to);
        let beside = listener(&lab, everywhere(false, port), None);
        measured.push((in_words("connects", &came), in_words("binds", &beside)));
    }
    // The address is this host's own, but on which of its links?
    let nowhere = SocketAddr::from((Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1), 1));
    let scope = in_words("connects", &connect(&lab, nowhere));

    let [by_default, only] = [&measured[0], &measured[1]];
    let row = |cells: [&str; 3]| cells.map(str::to_owned).to_vec();
    story.tables = vec![Table {
        says: "what a listener on [::] makes of IPv4".into(),
        columns: row(["it says", "a client on 127.0.0.1", "a listener on 0.0.0.0 beside it"]),
        rows: vec![
            row(["nothing", &by_default.0, &by_default.1]),
            row(["IPV6_V6ONLY", &only.0, &only.1]),
        ],
    }];
    let expected = ["connects", "ECONNREFUSED", "EADDRINUSE", "binds", "EINVAL"];
    let measured = [&by_default.0, &only.0, &by_default.1, &only.1, &scope];
    story.checks = CHECKS
        .iter()
        .zip(expected)
        .zip(measured)
        .map(|(((id, says), expected), measured)| Check::equal(id, says, expected, measured))
        .collect();
    Ok(story)
}

fn listener(lab: &Lab, on: SocketAddr, only_v6: Option<bool>) -> io::Result<Socket> {
    lab.host(HOST).run(move || {
        let socket = Socket::new(Domain::for_address(on), Type::STREAM, None)?;
        if let Some(only_v6) = only_v6 {
            socket.set_only_v6(only_v6)?;
        }
        socket.bind(&on.into())?;
        socket.listen(1)?;
        Ok(socket)
    })
}

fn connect(lab: &Lab, to: SocketAddr) -> io::Result<Socket> {
    lab.host(HOST).run(move || {
        let socket = Socket::new(Domain::for_address(to), Type::STREAM, None)?;
        socket.connect(&to.into())?;
        Ok(socket)
    })
}

fn in_words<T>(good: &str, result: &io::Result<T>) -> String {
    match result {
        Ok(_) => good.to_owned(),
        Err(error) => format!("{:?}", Errno::from_raw(error.raw_os_error().unwrap_or_default())),
    }
}
